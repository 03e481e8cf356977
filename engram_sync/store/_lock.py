"""One process per home."""

import os
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from engram_sync.errors import DegradedError, DeniedError, HomeInUseError

if sys.platform == "win32":
    import msvcrt

    # Far behind the process id, which others must be able to read: Windows locks byte ranges
    # against reading too.
    _LOCKED_BYTE = 1 << 20

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


_PID_BYTES_MAX = 32


class HomeLock:
    """The lock of a home, held by one process at a time and released by its death.

    The file stays: removing it would let two processes lock two files of one name.

    Args:
        path: The lock file, usually ``lock`` in the home.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> None:
        """Take the lock, now or not at all, and write this process's id into the file.

        Raises:
            HomeInUseError: Somebody has it; the message names the process.
            DeniedError: The file may not be created or opened.
        """
        if self.held:
            raise DegradedError(f"{self._path} is already locked by this object")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DeniedError(
                f"{self._path} cannot be opened: {error.strerror}",
                hint="check the owner and the permissions of the directory",
            ) from error
        if not _try_lock(descriptor):
            holder = _read_pid(descriptor)
            os.close(descriptor)
            raise HomeInUseError(
                f"{self._path.parent} is in use by process {holder or 'unknown'}",
                hint="try again when it has ended; a node that is up serves any number of commands"
                " at once: engram-sync up",
            )
        with suppress(OSError):
            # The lock is held without it: a full disk must not keep anybody from reading.
            os.ftruncate(descriptor, 0)
            _write_pid(descriptor)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
        _unlock(descriptor)
        os.close(descriptor)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def _write_pid(descriptor: int) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, f"{os.getpid()}\n".encode())


def _read_pid(descriptor: int) -> int | None:
    """The process id in the file; None when its holder has not written it yet."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    text = os.read(descriptor, _PID_BYTES_MAX).strip()
    return int(text) if text.isdigit() else None
