"""The locks install on a fresh machine, and lack nothing that what they name requires."""

import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repo.tree import ROOT

LOCKS = {name: ROOT / "requirements" / f"{name}.txt" for name in ("run", "dev")}
OLDEST_PIP = "22.3"
"""Comes with Python 3.11.0.  Before 23.3, pip resolves anew what a lock pins without its extra."""
ENVIRONMENTS = [
    {"sys_platform": system, "os_name": os_name, "platform_system": name}
    | {"python_version": python, "python_full_version": f"{python}.0"}
    for system, os_name, name in (
        ("linux", "posix", "Linux"),
        ("darwin", "posix", "Darwin"),
        ("win32", "nt", "Windows"),
    )
    for python in ("3.11", "3.12", "3.13")
]
"""Where the locks hold, see ``.ci/lock``."""


class Pin(NamedTuple):
    version: str
    marker: Marker | None


def pins(lock: Path) -> dict[str, Pin]:
    """What a lock pins, by canonical name."""
    found: dict[str, Pin] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line[:1].isalnum():
            requirement = Requirement(line.removesuffix("\\").strip())
            (version,) = requirement.specifier
            found[canonicalize_name(requirement.name)] = Pin(version.version, requirement.marker)
    return found


def needed(name: str, extras: frozenset[str], where: dict[str, str]) -> Iterator[Requirement]:
    """What an installed package requires there, as far as this machine knows the package."""
    try:
        requires = distribution(name).requires or []
    except PackageNotFoundError:
        return
    for requirement in map(Requirement, requires):
        marker = requirement.marker
        if marker is None or any(marker.evaluate(where | {"extra": e}) for e in {"", *extras}):
            yield requirement


def missing(lock: dict[str, Pin], where: dict[str, str]) -> Iterator[str]:
    """What the pinned packages require in one environment and the lock does not pin."""
    todo: list[tuple[str, frozenset[str]]] = [
        (name, frozenset())
        for name, pin in lock.items()
        if pin.marker is None or pin.marker.evaluate(where)
    ]
    present, seen = {name for name, _ in todo}, set(todo)
    while todo:
        name, extras = todo.pop()
        for requirement in needed(name, extras, where):
            wanted = canonicalize_name(requirement.name)
            if wanted not in present:
                yield f"{name} requires {requirement}"
            elif not requirement.specifier.contains(lock[wanted].version, prereleases=True):
                yield f"{name} requires {requirement}, pinned is {lock[wanted].version}"
            entry = wanted, frozenset(requirement.extras)
            if entry not in seen:
                seen.add(entry)
                todo.append(entry)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_all_that_its_packages_require_on_every_platform(name: str) -> None:
    lock = pins(LOCKS[name])
    assert lock
    for where in ENVIRONMENTS:
        assert list(missing(lock, where)) == []


def test_a_lock_that_lacks_something_is_found() -> None:
    lock = pins(LOCKS["dev"])
    del lock["outcome"]
    assert any("trio requires outcome" in each for each in missing(lock, ENVIRONMENTS[0]))


def install_arguments(lock: Path) -> list[str]:
    """How the Makefile installs a lock."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    line = re.search(rf"\$\(BIN\)/python -m pip (install .*{lock.name})$", makefile, re.MULTILINE)
    assert line is not None
    return line[1].split()


@pytest.mark.slow
@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_installs_with_the_oldest_pip(name: str, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=True)
    python = home / ("Scripts" if sys.platform == "win32" else "bin") / "python"

    def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(python), "-m", "pip", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    if sys.version_info[:2] == (3, 11) and pip("install", f"pip=={OLDEST_PIP}").returncode:
        pytest.skip(f"no package index is reachable that has pip {OLDEST_PIP}")
    done = pip(*install_arguments(LOCKS[name]))
    assert done.returncode == 0, done.stderr
    checked = pip("check")
    assert checked.returncode == 0, checked.stdout
