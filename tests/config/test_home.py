import os
import sys
from pathlib import Path

import pytest

from engram_sync.config import require_private, resolve_home, resolve_runtime
from engram_sync.errors import DeniedError, UsageError

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


@posix_only
def test_the_runtime_directory_of_a_user_is_the_same_in_a_shell_and_from_cron(
    tmp_path: Path,
) -> None:
    session = {"XDG_RUNTIME_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    assert resolve_runtime(session) == resolve_runtime({})
    assert resolve_runtime({}).name == f"engram-sync-{os.getuid()}"


@posix_only
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702])
def test_a_home_that_others_may_write_to_is_refused_with_what_to_type(
    tmp_path: Path, mode: int
) -> None:
    home = tmp_path / "a home"
    home.mkdir()
    home.chmod(mode)
    with pytest.raises(DeniedError, match=f"mode {mode:04o}") as caught:
        require_private(home)
    assert caught.value.hint == f"chmod 700 '{home}'"
    home.chmod(0o755)
    require_private(home)
