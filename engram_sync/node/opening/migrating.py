"""A store of record format 1, written anew: what was live in it, said again by this node.

Nobody can verify its records by the rules of today, so they are not kept: the node is founded
anew, with its key and label, and writes again what is live, under the same ids and with the same
dates.  All of that goes into a store beside the old one, which takes its place only when it is
complete: whenever this ends before, the next opening begins from nothing.
"""

import os
import shutil
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trio

from engram_sync.api import Scope
from engram_sync.errors import CorruptError, PreconditionError, UsageError
from engram_sync.host import Clock, Entropy
from engram_sync.ledger import Draft, encode_witnesses
from engram_sync.memory.write import LiveBefore, held_in_records, held_in_view, said_again
from engram_sync.model.ids import engram_text, node_text
from engram_sync.node.home.environment import DirectoryStorage
from engram_sync.node.home.files import Home, NodeKey
from engram_sync.node.network.joining import META_BROUGHT
from engram_sync.node.opening.founding import (
    META_CREATED,
    META_INSTANCE,
    META_KEY,
    META_LABEL,
    checked_label,
    found_node,
    found_scope,
    store_id,
)
from engram_sync.node.writing.brought import note_source
from engram_sync.node.writing.write_path import WritePath
from engram_sync.observe import Logger, printable
from engram_sync.store import (
    OldEngram,
    OldScope,
    OldStore,
    Reader,
    SqliteStore,
    Transaction,
    sync_directory,
)
from engram_wire import LABEL_BYTES_MAX, WireError

PAGE_ENGRAMS = 64
META_MIGRATED = "migrated"
"""In meta: what a migration has to say, in words."""
_DAMAGED = (WireError, ValueError, TypeError, LookupError)
log = Logger("opening")


@dataclass(slots=True)
class _Count:
    """What a migration did."""

    memories: int = 0
    values_missing: int = 0
    """Values that the old store did not hold either."""
    damaged: list[str] = field(default_factory=list[str])
    """Ids of memories that could not be read, or not be written by the rules of today."""


@dataclass(frozen=True, slots=True)
class _People:
    """Who wrote the logs of an old store."""

    own: bytes
    authors: dict[bytes, bytes]
    labels: dict[bytes, str]

    def wrote(self, held: LiveBefore) -> str:
        """Who wrote what is shown, in words; empty when it was this node alone."""
        keys = list(dict.fromkeys(self.authors.get(log, self.own) for log in held.authors()))
        return ", ".join(map(self._name, keys)) if keys != [self.own] and keys else ""

    def _name(self, key: bytes) -> str:
        short = node_text(key)[:8]
        label = printable(self.labels.get(key, ""))
        return f"{label} ({short})" if label else short


async def migrate(storage: DirectoryStorage, key: NodeKey, clock: Clock, entropy: Entropy) -> None:
    """Replace the store of a home, which is of record format 1, by one of today.

    Raises:
        CorruptError: It belongs to another key.
        PreconditionError: The version that wrote it has to finish its work first.
        LocalError: It cannot be read, or there is no room; it is as it was.
    """
    home = storage.home
    try:
        _remove(home.new_store)
        with OldStore(home.store, vfs=storage.vfs) as old:
            if old.meta(META_KEY) not in (None, key.public):
                raise CorruptError(
                    "the store in this home belongs to another node key",
                    hint="put the node.key and store.db of one backup together",
                )
            path = WritePath(key, clock, entropy)
            migration = _Migration(old, path, key, clock, entropy, home)
            known = await _written(storage, migration)
            old.close()
        _swap(home)
    except BaseException:
        _remove(home.new_store)
        raise
    if known is not None:
        storage.leave_witness(known, encode_witnesses(path.witnesses(storage.boot_id)))


async def _written(storage: DirectoryStorage, migration: "_Migration") -> bytes | None:
    """Write the new store; returns what names it to its witness."""
    new = await storage.open_file(storage.home.new_store)
    async with trio.open_nursery() as nursery:
        await nursery.start(new.serve)
        try:
            await migration.run(new)
            return await new.read(store_id)
        finally:
            with trio.CancelScope(shield=True):
                await new.aclose()


@dataclass(slots=True)
class _Migration:
    """One migration under way."""

    old: OldStore
    path: WritePath
    key: NodeKey
    clock: Clock
    entropy: Entropy
    home: Home
    count: _Count = field(default_factory=_Count)

    async def run(self, new: SqliteStore) -> None:
        """Fill the new store."""
        scopes = await new.submit(self._found)
        people = _People(
            self.path.key,
            self.old.authors(),
            self.old.labels() | {self.path.key: self._label()},
        )
        for scope, founded in scopes:
            for page in self.old.engrams(scope.n, limit=PAGE_ENGRAMS):
                job = partial(self._say_again, scope, founded, page, people)
                await new.submit(job, weight=len(page))
        text = self._told()
        await new.submit(lambda tx: tx.put_meta(META_MIGRATED, text.encode()))
        log.warning(
            "the store was written anew",
            memories=self.count.memories,
            missing=self.count.values_missing,
            damaged=len(self.count.damaged),
            kept=str(self.home.old_store),
        )

    def _label(self) -> str:
        """The label of this node, as far as it is one by the rules of today."""
        label = printable((self.old.meta(META_LABEL) or b"").decode(errors="replace"))
        while len(label.encode()) > LABEL_BYTES_MAX:
            label = label[:-1]
        return checked_label(label or "node")

    def _found(self, tx: Transaction) -> list[tuple[OldScope, bytes]]:
        """Found the node and a scope for each that it had; returns both."""
        self.path.load(tx, {}, "")
        self.path.begin(tx)
        founded, _ = self.path.run(tx, self._found_scopes)
        for name in (META_INSTANCE, META_CREATED):
            value = self.old.meta(name)
            if value is not None:
                tx.put_meta(name, value)
        return founded

    def _found_scopes(self, tx: Transaction) -> list[tuple[OldScope, bytes]]:
        path, label = self.path, self._label()
        found_node(tx, path, self.key, label, self.clock, self.entropy)
        current = {row.kind: row.id for row in tx.scopes()}
        founded: list[tuple[OldScope, bytes]] = []
        for old in self.old.scopes():
            new = current.pop(old.kind, None) if old.current else None
            if new is None:
                kind = Scope(old.kind)
                new = found_scope(tx, path, self.key, kind, label, self.entropy, current=False)
            founded.append((old, new))
            if old.secret:
                note_source(tx, new, old.id, old.secret)
            if self.old.meta(META_BROUGHT + old.id.hex()) is not None:
                tx.put_meta(META_BROUGHT + new.hex(), b"\x01")
        return founded

    def _say_again(
        self,
        scope: OldScope,
        new: bytes,
        page: Sequence[OldEngram],
        people: _People,
        tx: Transaction,
    ) -> None:
        said: list[tuple[bytes, list[Draft]]] = []
        for engram in page:
            try:
                said.append((engram.engram, self._drafts(scope, engram, people)))
            except _DAMAGED as error:
                self._cannot(engram.engram, error)
        self.path.run(tx, partial(self._write_page, new, said))

    def _write_page(
        self, scope: bytes, said: Sequence[tuple[bytes, list[Draft]]], tx: Transaction
    ) -> None:
        try:
            self._write(tx, scope, [draft for _, drafts in said for draft in drafts])
        except UsageError:
            # One of them is more than a record may hold; nothing was written.
            for engram_id, drafts in said:
                try:
                    self._write(tx, scope, drafts)
                except UsageError as error:
                    self.count.memories -= 1
                    self._cannot(engram_id, error)

    def _write(self, tx: Transaction, scope: bytes, drafts: Sequence[Draft]) -> None:
        if drafts:
            self.path.write(tx, scope, drafts)

    def _cannot(self, engram: bytes, error: Exception) -> None:
        """Go on without a memory, and say so: it is in the old store."""
        self.count.damaged.append(engram_text(engram))
        log.error("a memory cannot be brought", memory=engram_text(engram), reason=str(error))

    def _drafts(self, scope: OldScope, engram: OldEngram, people: _People) -> list[Draft]:
        held = self._held(scope, engram)
        if not held.is_told(engram.engram):
            return []
        drafts = said_again(
            engram.engram,
            held,
            oldest=engram.oldest,
            newest=engram.newest,
            written_by=people.wrote(held),
        )
        self.count.memories += held.is_live() and bool(drafts)
        self.count.values_missing += held.lost()
        return drafts

    def _held(self, scope: OldScope, engram: OldEngram) -> LiveBefore:
        if engram.view is not None and engram.complete:
            with suppress(*_DAMAGED):
                return held_in_view(engram.view)
        if not self.old.is_forked(scope.n, engram.engram):
            return held_in_records(engram.engram, self.old.records(scope.n, engram.engram))
        if self.old.is_behind(scope.n):
            raise PreconditionError(
                f"{self.home.store} was left in the middle of its work, with logs that are forked",
                hint="open this home once more with the version that wrote it, and `down` it",
            )
        if engram.view is None or engram.complete:
            raise ValueError("its row is damaged, and its logs are forked")
        self._cannot(engram.engram, ValueError("what a clock ahead has dated of it"))
        return held_in_view(engram.view)

    def _told(self) -> str:
        count = self.count
        text = (
            "this home was of an earlier version and was written anew:"
            f" {count.memories} memories as they stood, without their history, what was deleted,"
            " and the other members; to share again, run `engram-sync invite` on one node and"
            " `engram-sync join TOKEN` on each of the others"
        )
        if count.values_missing:
            text += f"; {count.values_missing} values were not held"
        if count.damaged:
            text += f"; {len(count.damaged)} memories could not be brought in full"
        return text


def migration_problem(reader: Reader, home: Path) -> str:
    """What is to be done after a migration, in words, as long as an old file is there."""
    told = reader.meta(META_MIGRATED)
    kept = sorted(home.glob("store-1*.db"))
    if told is None or not kept:
        return ""
    return (
        f"{told.decode()}; {', '.join(map(str, kept))} is the store as it was, and keeps what is"
        " erased from now on: delete it when nothing is missing"
    )


# -- files -----------------------------------------------------------------------------------------


def _remove(store: Path) -> None:
    """Remove a store that was not completed."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        store.with_name(store.name + suffix).unlink(missing_ok=True)


def _swap(home: Home) -> None:
    """Give the old store another name and the new one its name, so that there always is one."""
    kept = home.old_store
    if not (kept.exists() and kept.samefile(home.store)):
        if kept.exists():
            # A backup was put back after an earlier migration: both are kept.
            kept.replace(kept.with_name(f"store-1-{uuid.uuid4().hex[:8]}.db"))
        _link(home.store, kept)
    home.new_store.replace(home.store)
    sync_directory(home.path)


def _link(store: Path, kept: Path) -> None:
    try:
        os.link(store, kept)
    except OSError:  # A file system without links.
        partial_copy = kept.with_name(kept.name + ".part")
        shutil.copy2(store, partial_copy)
        with partial_copy.open("rb+") as file:
            os.fsync(file.fileno())
        partial_copy.replace(kept)
    sync_directory(kept.parent)
