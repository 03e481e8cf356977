import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.repo.tree import (
    PACKAGES,
    ROOT,
    Function,
    files,
    functions,
    name_of,
    product_files,
    python_files,
    tree_of,
)

MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60  # Without its docstring: promises may be long.

# A name that says nothing hides a boundary that is wrong.
EMPTY_NAMES = {"common", "helper", "helpers", "manager", "misc", "util", "utils"}
EMPTY_SUFFIXES = ("Helper", "Helpers", "Manager", "Util", "Utils")


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def body_lines(function: Function) -> int:
    node = function.node
    total = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is None:
        return total
    return total - ((first.end_lineno or first.lineno) - first.lineno + 1)


def texts() -> Iterator[tuple[str, str]]:
    for path in files():
        data = path.read_bytes()
        if b"\0" not in data[:8000]:
            yield name_of(path), data.decode("utf-8", "replace")


def found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_module_is_longer_than_a_reader_s_patience() -> None:
    long = {name_of(path): lines(path) for path in python_files()}
    assert {name: count for name, count in long.items() if count > MODULE_LINES_MAX} == {}


@pytest.mark.slow
def test_no_function_is_longer_than_a_screen() -> None:
    long = {
        str(function): body_lines(function)
        for path in python_files()
        for function in functions(path)
    }
    assert {name: count for name, count in long.items() if count > FUNCTION_LINES_MAX} == {}


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    empty = [
        name_of(path)
        for path in files()
        if {part.split(".")[0].strip("_") for part in path.relative_to(ROOT).parts} & EMPTY_NAMES
    ]
    assert empty == []


@pytest.mark.slow
def test_no_class_has_a_name_that_says_nothing() -> None:
    empty = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in python_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef) and node.name.endswith(EMPTY_SUFFIXES)
    ]
    assert empty == []


def test_a_class_name_means_one_thing_in_all_packages() -> None:
    """Whoever reads it need not ask in which room."""
    alone = {"wire/reader.py"}  # A second reader of the protocol, which imports nothing of ours.
    places: dict[str, list[str]] = {}
    for path in product_files():
        if name_of(path) not in alone:
            for node in tree_of(path).body:
                if isinstance(node, ast.ClassDef):
                    places.setdefault(node.name, []).append(name_of(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def documented(doc: str) -> list[str]:
    """The arguments that a docstring explains."""
    _, _, rest = doc.partition("\nArgs:\n")
    section = re.split(r"^(?=\S)", rest, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"^ {4}\*{0,2}(\w+):", section, re.MULTILINE)


@pytest.mark.slow
def test_a_docstring_explains_arguments_that_there_are() -> None:
    wrong: dict[str, set[str]] = {}
    for path in python_files():
        for function in functions(path):
            taken = {n.arg for n in ast.walk(function.node.args) if isinstance(n, ast.arg)}
            told = set(documented(ast.get_docstring(function.node) or ""))
            if told - taken:
                wrong[str(function)] = told - taken
    assert wrong == {}


def called_names(function: Function) -> set[str]:
    """Names of what a function calls, methods included."""
    names: set[str] = set()
    for node in ast.walk(function.node):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) | ast.Attribute(attr=name):
                    names.add(name)
                case _:
                    pass
    return names


def handles_peer_bytes(path: Path) -> list[Function]:
    """The ``_untrusted`` functions of a module and everything of that module they lead to."""
    by_name: dict[str, list[Function]] = {}
    for function in functions(path):
        by_name.setdefault(function.node.name, []).append(function)
    todo = [name for name in by_name if name.endswith("_untrusted")]
    reached: set[str] = set()
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            todo += [
                callee
                for function in by_name[name]
                for callee in called_names(function)
                if callee in by_name
            ]
    return [function for name in reached for function in by_name[name]]


def asserts(function: Function) -> Iterator[ast.Assert]:
    return (node for node in ast.walk(function.node) if isinstance(node, ast.Assert))


def narrows(check: ast.Assert) -> bool:
    """Whether it only tells type checkers that something of ours is set by now."""
    match check.test:
        case ast.Compare(ops=[ast.IsNot()], comparators=[ast.Constant(value=None)]):
            return True
        case _:
            return False


@pytest.mark.slow
def test_a_function_for_untrusted_bytes_asserts_nothing() -> None:
    """``python -O`` deletes an assert, and without -O it is an error that no caller expects."""
    asserted = [
        f"{function} line {check.lineno}"
        for path in product_files()
        for function in functions(path)
        if function.node.name.endswith("_untrusted")
        for check in asserts(function)
    ]
    assert asserted == []


@pytest.mark.slow
def test_what_such_a_function_leads_to_asserts_nothing_about_values() -> None:
    asserted = [
        f"{function} line {check.lineno}"
        for path in product_files()
        for function in handles_peer_bytes(path)
        for check in asserts(function)
        if not narrows(check)
    ]
    assert asserted == []


def test_the_protocol_asserts_only_relations_of_its_own_constants() -> None:
    asserted = [
        f"{function} line {check.lineno}"
        for path in product_files()
        if PACKAGES["engram_wire"] in path.parents
        for function in functions(path)
        for check in asserts(function)
        if not narrows(check)
    ]
    assert asserted == []


def test_every_package_opens_by_saying_what_it_holds() -> None:
    silent = [
        name_of(path)
        for path in product_files()
        if path.name == "__init__.py" and not ast.get_docstring(tree_of(path))
    ]
    assert silent == []


@pytest.mark.slow
def test_nothing_is_left_to_be_written() -> None:
    stubs = [
        f"{name_of(path)}:{node.lineno}"
        for path in product_files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Name) and node.id == "NotImplementedError"
    ]
    assert stubs == []


def test_no_file_names_a_package_index() -> None:
    hosts = ("pypi" + r"\.org", "pythonhosted" + r"\.org", "npmjs" + r"\.(com|org)")
    assert found(re.compile("|".join(hosts) + "|--(extra-)?index" + "-url")) == []
    locks = ("uv.lock", "package-lock.json", "pylock.toml", "poetry.lock")
    assert [name_of(path) for path in files() if path.name in locks] == []


def test_no_file_names_a_path_of_somebody_s_machine() -> None:
    folders = "|".join(("work", "farm", "root", "Users", "opt", "tmp" + "/plan"))
    assert found(re.compile(rf"(^|[^A-Za-z0-9_.~$}}])/({folders})/")) == []


def test_nobody_is_told_to_install_by_the_bare_name() -> None:
    """On the public index that name is somebody else's program."""
    assert found(re.compile("(pip|pipx|uv|uvx)( pip| tool)? install +engram" + "-sync")) == []


def test_lock_files_pin_hashes_and_no_hosts() -> None:
    for name in ("run.txt", "dev.txt"):
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        assert "http" not in text
        pins = re.findall(r"^[a-z0-9.-]+==\S+", text, re.MULTILINE)
        assert pins
        blocks = re.split(r"^(?=[a-z0-9.-]+==)", text, flags=re.MULTILINE)[1:]
        assert all("--hash=sha256:" in block for block in blocks)


def test_lock_files_satisfy_the_project() -> None:
    """``make lock`` has to follow every change of a dependency."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = project["dependency-groups"]
    wanted = {
        "run.txt": project["project"]["dependencies"] + groups["build"],
        "dev.txt": project["project"]["dependencies"] + groups["build"] + groups["dev"],
    }
    for name, requirements in wanted.items():
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        pinned = dict(re.findall(r"^([a-z0-9.-]+)==([^\s;]+)", text, re.MULTILINE))
        for requirement in map(Requirement, requirements):
            version = pinned.get(requirement.name.lower())
            assert version is not None, f"{requirement.name} is missing in {name}"
            assert requirement.specifier.contains(version, prereleases=True), (
                f"{requirement} {name}"
            )
