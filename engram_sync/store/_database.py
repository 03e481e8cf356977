"""The part of apsw that the store uses, with types.

apsw's own annotations need ``collections.abc.Buffer``, which Python has from 3.12 on; under 3.11
every call would be of unknown type.  Rows are whatever the SQL says, hence ``Any``.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, cast

import apsw

Row = tuple[Any, ...]

READ_WRITE = apsw.SQLITE_OPEN_READWRITE
CREATE = apsw.SQLITE_OPEN_CREATE
URI = apsw.SQLITE_OPEN_URI


class ResultRows(Protocol):
    """The rows of one statement."""

    def fetchall(self) -> list[Row]:
        """Every remaining row."""
        ...

    def fetchone(self) -> Row | None:
        """The next row."""
        ...


class Backup(Protocol):
    """A copy under way."""

    def step(self, npages: int = ...) -> bool:
        """Copy ``npages`` pages, or all of them."""
        ...


class Database(Protocol):
    """One connection to a database; used by one thread at a time."""

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        ...

    def execute(self, statements: str, bindings: Sequence[Any] = ...) -> ResultRows:
        """Run ``statements``."""
        ...

    def executemany(
        self, statements: str, sequenceofbindings: Iterable[Sequence[Any]]
    ) -> ResultRows:
        """Run ``statements`` once for each of the bindings."""
        ...

    def pragma(self, name: str, value: int = ...) -> Any:
        """The value of a pragma that yields one, after setting it when ``value`` is given."""
        ...

    def set_busy_timeout(self, milliseconds: int) -> None:
        """Wait that long for another connection's lock."""
        ...

    def fts5_tokenizer(self, name: str, args: list[str]) -> Callable[..., list[tuple[str, ...]]]:
        """A tokeniser of the full-text index."""
        ...

    def backup(
        self, databasename: str, sourceconnection: "Database", sourcedatabasename: str
    ) -> AbstractContextManager["Backup"]:
        """Begin to replace this database's content by another's."""
        ...

    def close(self) -> None:
        """Close; every later use raises ``apsw.ConnectionClosedError``."""
        ...


def connect(filename: str, *, flags: int, vfs: str | None = None) -> Database:
    """Open ``filename`` through the file system layer called ``vfs``; None means the system's."""
    return cast(Database, apsw.Connection(filename, flags=flags, vfs=vfs))
