"""Whether the files that a store has open are still those that its path names.

A file that was removed or replaced stays open and takes every write, and all of it is gone when the
process ends.
"""

from collections.abc import Callable
from pathlib import Path

from ._faults import gone_error

Identity = tuple[int, int]
"""Device and number of a file.  No other file has them while this one is open."""

BESIDE = "-wal"
"""What SQLite adds to the name of a store for that of its log, where commits go first."""


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Presence:
    """The files of a store that was just opened.

    Args:
        path: The store.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(path.name + BESIDE)
        self._known = _identity(path)
        self._known_log: Identity | None = None
        """None until there is one."""

    def confirm(self) -> None:
        """Return if they are still in their place.

        Raises:
            DegradedError: One was removed, moved or replaced.
        """
        if self._known is None:
            return  # A file system layer of a test, with no file that could be looked at.
        if _identity(self._path) != self._known:
            raise gone_error(str(self._path))
        log = _identity(self._log)
        if self._known_log is None:
            self._known_log = log
        elif log != self._known_log:
            raise gone_error(str(self._log))


def always_there() -> None:
    """For a store without files."""


Confirm = Callable[[], None]
"""``Presence.confirm``, or ``always_there``."""
