"""What the repository holds, as the tests beside this file look at it."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "engram_wire": ROOT / "wire" / "engram_wire",
    "engram_crdt": ROOT / "crdt" / "engram_crdt",
    "engram_sync": ROOT / "engram_sync",
    "engram_simulations": ROOT / "simulations" / "engram_simulations",
}


@cache
def files() -> tuple[Path, ...]:
    """Every file that is or would be committed."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    paths = (ROOT / name for name in sorted(set(listing.split("\0"))) if name)
    return tuple(path for path in paths if path.is_file())


@cache
def python_files() -> tuple[Path, ...]:
    return tuple(path for path in files() if path.suffix == ".py")


@cache
def product_files() -> tuple[Path, ...]:
    folders = set(PACKAGES.values())
    return tuple(path for path in python_files() if folders & set(path.parents))


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


class Function(NamedTuple):
    path: Path
    node: ast.FunctionDef | ast.AsyncFunctionDef

    def __str__(self) -> str:
        return f"{name_of(self.path)}:{self.node.lineno} {self.node.name}"


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(path, node)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every import in a file, wherever it stands."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module
