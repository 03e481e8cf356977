import os
import sys
from pathlib import Path

import pytest

from engram_sync.config import resolve_home, resolve_runtime
from engram_sync.errors import UsageError

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="XDG is not used on Windows")


def test_the_flag_beats_the_environment(tmp_path: Path) -> None:
    env = {"ENGRAM_SYNC_HOME": str(tmp_path / "from-env")}
    assert resolve_home(tmp_path / "from-flag", env) == tmp_path / "from-flag"
    assert resolve_home(None, env) == tmp_path / "from-env"


@posix_only
def test_the_xdg_data_directory_is_honoured(tmp_path: Path) -> None:
    assert resolve_home(None, {"XDG_DATA_HOME": str(tmp_path)}) == tmp_path / "engram-sync"


@posix_only
def test_a_relative_xdg_directory_is_ignored_as_its_specification_demands() -> None:
    home = resolve_home(None, {"XDG_DATA_HOME": "data"})
    assert "data" not in home.relative_to(home.anchor).parts or home.parts[-2] != "data"
    assert home.name == "engram-sync"


def test_an_empty_variable_counts_as_unset() -> None:
    assert resolve_home(None, {"ENGRAM_SYNC_HOME": ""}).name == "engram-sync"


def test_the_home_is_absolute_even_when_it_was_named_relatively() -> None:
    assert resolve_home("somewhere", {}) == Path.cwd() / "somewhere"


def test_a_tilde_is_the_user_s_directory() -> None:
    assert resolve_home("~/memories", {}) == Path.home() / "memories"


def test_an_empty_flag_is_a_mistake_not_the_working_directory() -> None:
    with pytest.raises(UsageError, match="--home is empty"):
        resolve_home("", {})


@pytest.mark.parametrize("taken", ["~/.engram", "~/.engram/nodes"])
def test_the_directory_of_other_tools_is_refused(taken: str) -> None:
    with pytest.raises(UsageError, match="belongs to other tools"):
        resolve_home(taken, {})
    with pytest.raises(UsageError, match="belongs to other tools"):
        resolve_home(None, {"ENGRAM_SYNC_HOME": taken})


def test_the_runtime_directory_may_be_named(tmp_path: Path) -> None:
    env = {"ENGRAM_SYNC_RUNTIME_DIR": str(tmp_path), "XDG_RUNTIME_DIR": "/elsewhere"}
    assert resolve_runtime(env) == tmp_path


@pytest.mark.skipif(sys.platform != "linux", reason="sessions of Linux")
def test_the_runtime_directory_is_that_of_the_session_or_one_of_the_user_s_own(
    tmp_path: Path,
) -> None:
    assert resolve_runtime({"XDG_RUNTIME_DIR": str(tmp_path)}) == tmp_path / "engram-sync"
    assert resolve_runtime({}).name == f"engram-sync-{os.getuid()}"
