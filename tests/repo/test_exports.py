import ast
import importlib
from pathlib import Path

import pytest

from tests.repo.tree import PACKAGES, name_of, product_files, tree_of


def module_of(path: Path) -> str:
    (root,) = (folder.parent for folder in PACKAGES.values() if folder in path.parents)
    return ".".join(path.parent.relative_to(root).parts)


INITS = [path for path in product_files() if path.name == "__init__.py"]


def assigned_all(path: Path) -> list[str] | None:
    """``__all__`` as a type checker reads it; None when there is none or it is computed."""
    for node in tree_of(path).body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=ast.List(elts=elements)):
                pass
            case ast.AnnAssign(target=ast.Name(id="__all__"), value=ast.List(elts=elements)):
                pass
            case _:
                continue
        return [str(e.value) for e in elements if isinstance(e, ast.Constant)]
    return None


def reexported(path: Path) -> set[str]:
    """Names imported in the form that exports them, ``from ._x import Y as Y``."""
    return {
        alias.name
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    }


@pytest.mark.parametrize("path", INITS, ids=name_of)
def test_what_a_package_exports_is_what_tools_see_and_what_runs(path: Path) -> None:
    declared = assigned_all(path)
    if declared is None:
        assert reexported(path) == set(), "exported names need an __all__"
        return
    module = importlib.import_module(module_of(path))
    assert [name for name in declared if not hasattr(module, name)] == []
    assert len(declared) == len(set(declared))
    assert reexported(path) <= set(declared)


@pytest.mark.parametrize("path", INITS, ids=name_of)
def test_no_package_exports_a_private_name(path: Path) -> None:
    private = {name for name in assigned_all(path) or () if name.startswith("_")}
    assert private <= {"__version__"}


@pytest.mark.parametrize("name", PACKAGES)
def test_every_distribution_package_is_typed(name: str) -> None:
    assert (PACKAGES[name] / "py.typed").is_file()
