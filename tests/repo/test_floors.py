"""What import-linter cannot see: folders that are no packages, and imports inside functions."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.repo.tree import PACKAGES, ROOT, imports, name_of, product_files, python_files

# I/O, clocks and entropy come in as arguments, so that a simulation can supply its own.
IMPURE = {
    "apsw",
    "asyncio",
    "datetime",
    "os",
    "random",
    "secrets",
    "select",
    "selectors",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "trio",
    "uuid",
}
SYNC = PACKAGES["engram_sync"]
PURE = (
    PACKAGES["engram_wire"],
    PACKAGES["engram_crdt"],
    SYNC / "ledger",
    SYNC / "membership",
    SYNC / "sync",
    SYNC / "model",
)


def imported(folder: Path, forbidden: set[str]) -> list[str]:
    return [
        f"{name_of(path)}:{line} imports {module}"
        for path in python_files()
        if folder in path.parents
        for line, module in imports(path)
        if module.split(".")[0] in forbidden
    ]


@pytest.mark.parametrize("folder", PURE, ids=name_of)
def test_a_pure_package_has_no_way_to_touch_the_world(folder: Path) -> None:
    assert any(folder in path.parents for path in product_files()), "the folder has moved"
    assert imported(folder, IMPURE) == []


def test_the_oracle_shares_no_code_with_what_it_judges() -> None:
    assert imported(ROOT / "tests" / "oracle", set(PACKAGES)) == []


@pytest.mark.slow
@pytest.mark.parametrize("folder", PACKAGES.values(), ids=name_of)
def test_what_is_shipped_imports_nothing_that_is_not(folder: Path) -> None:
    assert imported(folder, {"tests", "fuzz", "benchmarks", "hypothesis", "pytest"}) == []


def test_rooms_name_each_other_in_full_so_that_a_reader_can_search_for_them() -> None:
    """Inside the program nobody goes through ``engram_sync`` itself: it imports everything."""
    through_the_front_door = [
        f"{name_of(path)}:{line}"
        for path in product_files()
        if SYNC in path.parents and path != SYNC / "__init__.py"
        for line, module in imports(path)
        if module == "engram_sync"
    ]
    assert through_the_front_door == []


def test_every_room_of_the_program_stands_on_a_floor() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (floors,) = (
        contract["layers"]
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["id"] == "floors"
    )
    named = set(re.findall(r"engram_sync\.(\w+)", " ".join(floors)))
    rooms = {path.relative_to(SYNC).parts[0] for path in product_files() if SYNC in path.parents}
    rooms = {room.removesuffix(".py") for room in rooms if not room.startswith("__")}
    assert rooms - named == set()
