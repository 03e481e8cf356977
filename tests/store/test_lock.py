"""One process per home."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engram_sync.errors import DegradedError, DeniedError
from engram_sync.store import HomeLock

_HOLDER = """
import sys
from pathlib import Path
from engram_sync.store import HomeLock
HomeLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    first, second = HomeLock(tmp_path / "home" / "lock"), HomeLock(tmp_path / "home" / "lock")
    with first:
        assert (first.held, second.held) == (True, False)
        assert (tmp_path / "home" / "lock").read_text() == f"{os.getpid()}\n"
        with pytest.raises(DegradedError, match=f"in use by process {os.getpid()}") as caught:
            second.acquire()
        assert caught.value.hint
        with pytest.raises(DegradedError):
            first.acquire()
        assert (first.held, second.held) == (True, False)
    assert (first.held, second.held) == (False, False)
    with second:
        assert (first.held, second.held) == (False, True)


def test_releasing_twice_is_harmless(tmp_path: Path) -> None:
    lock = HomeLock(tmp_path / "lock")
    lock.acquire()
    lock.release()
    lock.release()
    with HomeLock(tmp_path / "lock"):
        pass


@pytest.mark.slow
def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    lock = HomeLock(tmp_path / "lock")
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DegradedError, match=f"in use by process {holder.pid}"):
            lock.acquire()
        holder.kill()
    with lock:
        assert lock.held


def test_a_holder_that_has_not_written_its_id_yet_is_unknown(tmp_path: Path) -> None:
    with HomeLock(tmp_path / "lock"):
        (tmp_path / "lock").write_text("")
        with pytest.raises(DegradedError, match="process unknown"):
            HomeLock(tmp_path / "lock").acquire()


def test_a_lock_that_cannot_be_opened_is_denied(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(DeniedError):
        HomeLock(tmp_path / "lock").acquire()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_does_not_keep_the_home_from_being_opened(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("/dev/full")
    with HomeLock(tmp_path / "lock") as first:
        assert first.held
        with pytest.raises(DegradedError, match="in use by process unknown"):
            HomeLock(tmp_path / "lock").acquire()
