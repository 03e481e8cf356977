"""A disk that remembers every write, so that a test can pull the plug at any of them.

``CrashDisk`` is a SQLite file system layer, loaded by its name, over real files::

    with CrashDisk(directory) as disk:
        store = await SqliteStore.open(directory / "store.db", vfs=disk.name, ...)
        await store.submit(job)
        acknowledged_at = disk.position
        ...
    for crash in disk.crashes(seed=1):
        crash.write_to(other_directory)      # what a reopened store would find
        must_be_there = crash.position >= acknowledged_at

``disk.position`` counts the operations so far.  ``crashes`` yields, for each position, the files
as they may be after a power loss right there:

* ``ALL``: everything written arrived, in order (the process died, the machine did not);
* ``LOST``: nothing arrived that was not synced;
* ``TORN``: of what was not synced each 512-byte sector holds any of its versions since the sync,
  and any number of the last changes to the directory is missing.

Equal images at successive positions are yielded once, with the last of these positions: whatever
was acknowledged by then must be in them.

What it assumes of a disk: a sync of a file makes its content durable; the first sync of a new
journal makes the directory durable, as SQLite's own layer for Unix does; sectors of 512 bytes are
written whole.  Files that were in the directory when the disk was made count as durable.

``disk.fail(after=N, ...)`` makes a later operation fail instead, for tests of full and broken
disks, and ``disk.lie()`` makes syncs do nothing, to prove that a test notices.
"""

# ruff: noqa: N802 - SQLite chose the names of the methods

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Self

import apsw

SECTOR_BYTES = 512
_JOURNALS = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL
_names = itertools.count(1)


class Loss(Enum):
    """What a crash takes away."""

    ALL = "all written"
    LOST = "unsynced lost"
    TORN = "unsynced torn"


@dataclass(frozen=True, slots=True)
class Operation:
    """One call that changes the disk."""

    kind: str
    """create, write, truncate, sync, sync-directory or delete."""
    file: str
    """Name within the directory; empty for sync-directory."""
    offset: int = 0
    """Of a write; the new size of a truncate."""
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Crash:
    """The files after a power loss."""

    position: int
    """The last number of operations after which a crash may leave these files."""
    loss: Loss
    files: dict[str, bytes]

    def write_to(self, directory: Path) -> Path:
        """Put the files into ``directory``, which is created, and return it."""
        directory.mkdir(parents=True)
        for name, content in self.files.items():
            (directory / name).write_bytes(content)
        return directory


@dataclass(slots=True)
class _File:
    """Durable content, and what happened since."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Operation] = field(default_factory=list[Operation])

    def written(self) -> bytes:
        content = bytearray(self.durable)
        for operation in self.pending:
            _apply(content, operation)
        return bytes(content)

    def sync(self) -> None:
        self.durable = bytearray(self.written())
        self.pending.clear()

    def torn(self, rng: random.Random) -> bytes:
        content = bytearray(self.durable)
        reached: dict[int, int] = {}
        touched = [_sectors(operation) for operation in self.pending]
        for sector in sorted(set(itertools.chain.from_iterable(touched))):
            versions = sum(sector in sectors for sectors in touched)
            reached[sector] = rng.randint(0, versions)
        for operation, sectors in zip(self.pending, touched, strict=True):
            if operation.kind == "truncate" and rng.random() < 0.5:
                _apply(content, operation)
            for sector in sectors:
                if reached[sector] > 0:
                    reached[sector] -= 1
                    _apply(content, _within(operation, sector))
        return bytes(content)


def _sectors(operation: Operation) -> range:
    if operation.kind != "write":
        return range(0)
    end = operation.offset + len(operation.data)
    return range(operation.offset // SECTOR_BYTES, (end + SECTOR_BYTES - 1) // SECTOR_BYTES)


def _within(operation: Operation, sector: int) -> Operation:
    """The part of a write that falls into ``sector``."""
    first = max(operation.offset, sector * SECTOR_BYTES)
    last = min(operation.offset + len(operation.data), (sector + 1) * SECTOR_BYTES)
    data = operation.data[first - operation.offset : last - operation.offset]
    return Operation("write", operation.file, first, data)


def _apply(content: bytearray, operation: Operation) -> None:
    if operation.kind == "write":
        end = operation.offset + len(operation.data)
        if len(content) < end:
            content.extend(bytes(end - len(content)))
        content[operation.offset : end] = operation.data
    elif operation.kind == "truncate":
        del content[operation.offset :]


class _Disk:
    """The state of the directory while the operations are replayed."""

    def __init__(self, before: dict[str, bytes]) -> None:
        self.files = {name: _File(bytearray(content)) for name, content in before.items()}
        # Each entry: how the directory looked (name -> file) before one change not yet durable.
        self.undo: list[dict[str, _File]] = []

    def play(self, operation: Operation) -> None:
        match operation.kind:
            case "create":
                self.undo.append(dict(self.files))
                self.files[operation.file] = _File()
            case "delete":
                self.undo.append(dict(self.files))
                self.files.pop(operation.file, None)
            case "sync-directory":
                self.undo.clear()
            case "sync":
                self.files[operation.file].sync()
            case _:
                self.files[operation.file].pending.append(operation)

    def after(self, loss: Loss, rng: random.Random) -> dict[str, bytes]:
        if loss is Loss.ALL:
            return {name: file.written() for name, file in self.files.items()}
        directories = [*self.undo, self.files]
        if loss is Loss.LOST:
            return {name: bytes(file.durable) for name, file in directories[0].items()}
        return {name: file.torn(rng) for name, file in rng.choice(directories).items()}


class CrashDisk(apsw.VFS):
    """See the module.

    Args:
        directory: Where the files of the database are.
    """

    def __init__(self, directory: Path) -> None:
        self.name = f"crash-disk-{next(_names)}"
        self.operations: list[Operation] = []
        self._directory = directory.resolve()
        self._before = (
            {path.name: path.read_bytes() for path in directory.iterdir()}
            if directory.is_dir()
            else {}
        )
        self._new_journals: set[str] = set()
        self._lying = False
        self._failing_after: int | None = None
        self._failing_count = 0
        self._failure: type[apsw.Error] = apsw.FullError
        self._open_failure: type[apsw.Error] | None = None
        self.failures = 0
        """How many operations have failed on request."""
        super().__init__(self.name, "")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.unregister()

    @property
    def position(self) -> int:
        """How many operations have changed the disk so far."""
        return len(self.operations)

    def lie(self) -> None:
        """From now on a sync reports success and makes nothing durable."""
        self._lying = True

    def fail(self, *, after: int, times: int = 1, error: type[apsw.Error] = apsw.FullError) -> None:
        """Let ``after`` writes and syncs pass, then fail ``times`` of them with ``error``."""
        self._failing_after = after
        self._failing_count = times
        self._failure = error

    def fail_to_open(self, error: type[apsw.Error]) -> None:
        """From now on no file can be opened."""
        self._open_failure = error

    def heal(self) -> None:
        """Fail no more."""
        self._failing_after = None
        self._open_failure = None

    def crashes(
        self, *, seed: int, start: int = 0, stop: int | None = None, torn: int = 1
    ) -> Iterator[Crash]:
        """The files after a crash at each position from ``start`` to ``stop``, both included.

        Args:
            seed: Decides what is torn.
            start: First position.
            stop: Last position; None means the end.
            torn: How many torn images to make per position.
        """
        stop = self.position if stop is None else stop
        rng = random.Random(seed)
        disk = _Disk(self._before)
        held: list[Crash | None] = [None] * (2 + torn)
        for position in range(stop + 1):
            if position:
                disk.play(self.operations[position - 1])
            if position < start:
                continue
            for place, loss in enumerate([Loss.ALL, Loss.LOST, *[Loss.TORN] * torn]):
                crash = Crash(position, loss, disk.after(loss, rng))
                earlier = held[place]
                if earlier is not None and earlier.files != crash.files:
                    yield earlier
                held[place] = crash
        yield from (crash for crash in held if crash is not None)

    # What SQLite calls

    def record(self, operation: Operation) -> None:
        """Note an operation, or raise the failure that was asked for."""
        if operation.kind in {"write", "sync"} and self._failing_after is not None:
            self._failing_after -= 1
            if self._failing_after < 0:
                if -self._failing_after >= self._failing_count:
                    self._failing_after = None
                self.failures += 1
                raise self._failure("the test's disk fails here")
        if operation.kind == "sync":
            if self._lying:
                return
            self.operations.append(operation)
            if operation.file in self._new_journals:
                self._new_journals.remove(operation.file)
                self.operations.append(Operation("sync-directory", ""))
            return
        self.operations.append(operation)

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else str(name))
        if path.parent.resolve() != self._directory:
            return apsw.VFSFile("", name, flags)  # SQLite's own temporary files.
        if self._open_failure is not None:
            raise self._open_failure("the test's disk opens nothing")
        if not path.exists() and flags[0] & apsw.SQLITE_OPEN_CREATE:
            self.record(Operation("create", path.name))
            if flags[0] & _JOURNALS:
                self._new_journals.add(path.name)
        elif path.name not in self._before and not self.operations:
            # Made by the program itself, which syncs the directory, before the first operation.
            self._before[path.name] = path.read_bytes()
        return _CrashFile(self, path.name, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        path = Path(filename)
        self._new_journals.discard(path.name)
        self.record(Operation("delete", path.name))
        if syncdir:
            self.record(Operation("sync-directory", ""))


class _CrashFile(apsw.VFSFile):
    def __init__(self, disk: CrashDisk, file: str, name: Any, flags: list[int]) -> None:
        self._disk = disk
        self._file = file
        super().__init__("", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:
        content = bytes(data)
        self._disk.record(Operation("write", self._file, offset, content))
        super().xWrite(content, offset)  # pyright: ignore[reportUnknownMemberType] - needs 3.12

    def xTruncate(self, newsize: int) -> None:
        self._disk.record(Operation("truncate", self._file, newsize))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        # The test's own disk need not be synced for real.
        self._disk.record(Operation("sync", self._file))
