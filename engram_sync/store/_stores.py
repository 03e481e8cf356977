"""The two stores: a file, and a named database in the memory of this process."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Self, TypeVar

import trio

from engram_sync.errors import NotFoundError
from engram_sync.host import Executor

from ._commit import Committer
from ._connection import copy_memory, open_file, open_file_for_reading, open_memory
from ._database import Database
from ._executors import ThreadExecutor
from ._faults import closed_error, local_errors
from ._integrity import contradictions
from ._interface import Transaction
from ._presence import Presence
from ._reader import Reader
from ._rows import Size
from ._sql_reader import SqlReader
from ._statements import Shapes, Statements
from ._writer import Writer

T = TypeVar("T")


class _Snapshots:
    """Runs read jobs on one connection, each in a transaction of its own."""

    def __init__(self, connection: Database, executor: Executor, place: str) -> None:
        self._connection = connection
        self._executor = executor
        self._place = place
        self._shapes = Shapes()

    async def read(self, job: Callable[[Statements], T]) -> T:
        return await self._executor.run(partial(self._read, job))

    async def read_afresh(
        self, connect: Callable[[], Database], job: Callable[[Statements], T]
    ) -> T:
        """Run a job on a connection of its own, which remembers nothing of the file."""

        def work() -> T:
            with local_errors(self._place):
                connection = connect()
                try:
                    return self._on(connection, Shapes(), job)
                finally:
                    connection.close()

        return await self._executor.run(work)

    def _read(self, job: Callable[[Statements], T]) -> T:
        with local_errors(self._place):
            return self._on(self._connection, self._shapes, job)

    @staticmethod
    def _on(connection: Database, shapes: Shapes, job: Callable[[Statements], T]) -> T:
        statements = Statements(connection, shapes)
        connection.execute("BEGIN")
        try:
            return job(statements)
        finally:
            statements.end()
            if connection.in_transaction:
                connection.execute("ROLLBACK")


class _SqlStore:
    """What both stores share: a writer, snapshots, upkeep, and an end."""

    def __init__(
        self,
        committer: Committer,
        executor: Executor,
        snapshots: _Snapshots,
        close: Callable[[], Awaitable[None]],
        connect: Callable[[], Database],
    ) -> None:
        self._committer = committer
        self._executor = executor
        self._writer = Writer(committer, executor)
        self._snapshots = snapshots
        self._close = close
        self._connect = connect
        """Opens one more connection for reading."""
        self._closed = False

    async def serve(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Commit what is submitted until ``aclose``; ``started`` at once."""
        await self._writer.serve(task_status=task_status)

    @property
    def waiting(self) -> bool:
        """Whether jobs wait that have not begun; a long job may ask, and end early."""
        return self._writer.waiting

    async def submit(self, job: Callable[[Transaction], T], *, weight: int = 1) -> T:
        """Run ``job`` and return its result once it is durable."""
        return await self._writer.submit(job, weight=weight)

    async def read(self, job: Callable[[Reader], T]) -> T:
        """Run ``job`` against one consistent state and return its result."""
        return await self._read(lambda statements: job(SqlReader(statements)))

    async def _read(self, job: Callable[[Statements], T]) -> T:
        if self._closed:
            raise closed_error()
        return await self._snapshots.read(job)

    async def purge(self) -> None:
        """Remove from the files what erased payloads, and the index of their words, left there."""
        await self._keep_up(self._committer.purge)

    async def compact(self) -> Size:
        """Rewrite the whole store without its free pages; the size before."""
        return await self._keep_up(self._committer.compact)

    async def integrity(self) -> list[str]:
        """What contradicts itself in the store, a sentence each; empty when all is well."""
        if self._closed:
            raise closed_error()
        # SQLite's check of the full-text index believes what a connection remembers of the index,
        # and calls it damage when another connection has merged it since.
        return await self._snapshots.read_afresh(self._connect, contradictions)

    async def _keep_up(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise closed_error()
        # In turn with the commits, each of which is one piece of work for the executor.
        return await self._executor.run(work)

    async def confirm(self) -> None:
        """Return if the store's files are still in their place; every write asks the same."""
        if self._closed:
            raise closed_error()
        await self._executor.run(self._committer.confirm)

    async def aclose(self, *, drain: bool = True) -> int:
        """Let the store go, after what is queued; closing twice is harmless."""
        try:
            return await self._writer.aclose(drain=drain)
        finally:
            if not self._closed:
                self._closed = True
                with trio.CancelScope(shield=True):
                    await self._close()


class SqliteStore(_SqlStore):
    """A store in one SQLite file, durable at every commit."""

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        executor: Executor | None = None,
        read_executor: Executor | None = None,
        vfs: str | None = None,
    ) -> Self:
        """Open the store at ``path``, creating it and its directory when absent.

        Args:
            path: The file; its directory is created with permissions 0700, the file with 0600.
            executor: Where commits run; by default a thread of its own.
            read_executor: Where reads run; by default a thread of its own, so that readers never
                wait for the writer, or ``executor`` when only that is given.
            vfs: Name of the SQLite file system layer; None means the system's.

        Raises:
            CorruptError: The file is damaged, or something else wrote it.
            PreconditionError: A newer release wrote it.
            DeniedError: It may not be opened for reading and writing.
            DegradedError: The disk failed.
        """
        place = str(path)
        if read_executor is None:
            read_executor = executor or ThreadExecutor()
        executor = executor or ThreadExecutor()

        def connect() -> tuple[Database, Database]:
            with local_errors(place):
                writing = open_file(path, vfs=vfs)
                try:
                    return writing, open_file_for_reading(path, vfs=vfs)
                except BaseException:
                    writing.close()
                    raise

        writing, reading = await executor.run(connect)

        async def close() -> None:
            # Each in its executor, behind the work that still uses it.  The writer goes last: the
            # last connection to close moves what is in the log into the file.
            with local_errors(place):
                await read_executor.run(reading.close)
                await executor.run(writing.close)

        snapshots = _Snapshots(reading, read_executor, place)
        again = partial(open_file_for_reading, path, vfs=vfs)
        committer = Committer(writing, place, Presence(path).confirm)
        return cls(committer, executor, snapshots, close, again)


class MemoryStore(_SqlStore):
    """A store in the memory of this process, found again by its name until ``discard``.

    It runs the same SQL as ``SqliteStore``.  Reads take turns with commits.
    """

    @classmethod
    async def open(cls, name: str, executor: Executor | None = None) -> Self:
        """Open the store called ``name``, creating it when this process has none.

        Args:
            name: Letters, digits, ``-`` and ``_``.
            executor: Where commits and reads run; by default a thread of its own.
        """
        executor = executor or ThreadExecutor()
        connection = await executor.run(partial(_open_named, name))
        place = f"memory store {name}"

        async def close() -> None:
            await executor.run(connection.close)

        snapshots = _Snapshots(connection, executor, place)
        again = partial(open_memory, name)
        return cls(Committer(connection, place), executor, snapshots, close, again)

    @staticmethod
    def copy(name: str, to: str) -> None:
        """Make the store called ``to`` hold what ``name`` has committed, and nothing else.

        What a backup, a restored backup and a cloned disk are to a file.  Nobody may have ``to``
        open.

        Raises:
            NotFoundError: This process has no store called ``name``.
        """
        source = _anchors.get(name)
        if source is None:
            raise NotFoundError(f"there is no memory store called {name}")
        MemoryStore.discard(to)
        with local_errors(f"memory store {to}"):
            _anchors[to] = copy_memory(source, to)

    @staticmethod
    def discard(name: str) -> None:
        """Forget the store called ``name`` once nobody has it open; it need not exist."""
        anchor = _anchors.pop(name, None)
        if anchor is not None:
            anchor.close()


_anchors: dict[str, Database] = {}
"""By name: the connection that keeps an in-memory database alive while no store has it open."""


_blank = Lock()
"""Held by whoever copies the empty store: to make its tables takes fifteen times as long."""
_BLANK = "blank store"


def _open_named(name: str) -> Database:
    with local_errors(f"memory store {name}"):
        if name not in _anchors:
            with _blank:
                if _BLANK not in _anchors:
                    _anchors[_BLANK] = open_memory(_BLANK)
                _anchors[name] = copy_memory(_anchors[_BLANK], name)
        return open_memory(name)
