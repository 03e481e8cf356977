"""A text that all homes of a life history write together, one character at a time.

No character is ever written twice, so a character is its own name: what every home must show
follows from who had seen what, and from nothing that the product computes.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from engram_sync.api import Delete, Insert
from engram_sync.api.arguments import MemoryUpdate, NewMemory
from engram_sync.memory.read import get, observe
from engram_sync.memory.state import Snapshot
from engram_sync.memory.write import created, update
from engram_sync.model.ids import engram_text
from engram_sync.store import Reader, Transaction
from engram_wire import Record, RecordKind
from tests.oracle import Disagreement, Readers

from ._history import same
from ._home import Home

TEXT = bytes(15) + b"\x07"
FIRST_CHARS = (0xE000, 0xF0000)
"""Private characters of one and of two UTF-16 code units."""


class Edited(NamedTuple):
    """What one record did to the text."""

    inserted: str
    deleted: frozenset[str]


@dataclass
class SharedText:
    """The text of one history, as its writers meant it."""

    edits: dict[bytes, Edited] = field(default_factory=dict[bytes, Edited])
    """By payload hash."""
    readers: dict[frozenset[bytes], Readers] = field(
        default_factory=lambda: defaultdict(Readers),
    )
    """What was read, by the branches known then: a fork gives the inserts of its branches other
    names, and the order of concurrent inserts follows from names."""
    characters: int = 0
    erased_around: int = 0
    """Characters that stand although what stood next to them was erased."""

    async def begin(self, home: Home) -> None:
        """Write the first characters."""
        first = self._fresh(home, 4)

        def work(tx: Transaction) -> None:
            drafts = created(TEXT, NewMemory(first, collaborative=True))
            batch = home.path.write(tx, home.world.scope, drafts)
            self._note(batch.records, first, frozenset())

        await home.job(work)

    def _fresh(self, home: Home, count: int) -> str:
        start = home.world.rng.choice(FIRST_CHARS)
        self.characters += count
        return "".join(chr(start + self.characters - at) for at in range(count))

    def _note(self, records: Iterable[Record], inserted: str, deleted: frozenset[str]) -> None:
        for record in records:
            if record.shape[0] == RecordKind.EDIT:
                self.edits[record.payload_hash] = Edited(inserted, deleted)

    async def edit(self, home: Home) -> None:
        """Insert or delete somewhere in what this home shows."""

        def work(tx: Transaction) -> None:
            state = home.state(tx, TEXT)
            if state is None:
                return
            before = self.shown(home, tx)
            edit: Insert | Delete
            at = home.world.rng.randint(0, len(before))
            # A memory is never emptied by an edit: that is what forgetting is for.
            if len(before) > 1 and home.world.rng.random() < 0.3:
                size = home.world.rng.randint(1, min(3, len(before) - 1))
                at = min(at, len(before) - size)
                edit, new = Delete(at, size), ""
                gone = frozenset(before[at : at + size])
            else:
                new, gone = self._fresh(home, home.world.rng.randint(1, 3)), frozenset[str]()
                edit = Insert(at, new)
            drafts = update(
                Snapshot(tx, home.path.logs),
                observe(Snapshot(tx, home.path.logs), state, None),
                MemoryUpdate(edits=[edit]),
                home.path.own_log(home.world.scope).id,
            )
            batch = home.path.write(tx, home.world.scope, drafts)
            self._note(batch.records, new, gone)

        await home.job(work)

    def shown(self, home: Home, reader: Reader) -> str:
        """What this home shows of the text."""
        return get(home.now(reader), engram_text(TEXT)).content

    def read(self, home: Home, characters: str) -> None:
        """Note what a home shows of the text."""
        forks = home.path.ledger.forks(home.world.scope)
        known = frozenset(branch.id for fork in forks for branch in fork.branches)
        self.readers[known].read([(b"", ord(char)) for char in characters])

    def agree(self) -> None:
        """Check that all who knew of the same forks read one order.

        Raises:
            Disagreement: They did not.
        """
        for readers in self.readers.values():
            readers.agree()

    async def check(self, home: Home) -> None:
        """Every character that was seen and that nobody deleted, in an order all agree on.

        Raises:
            Disagreement: The home shows something else.
        """

        def read(reader: Reader) -> tuple[str, list[Record]]:
            if home.state(reader, TEXT) is None:
                return "", []
            return self.shown(home, reader), home.records(reader, TEXT)

        content, records = await home.store.read(read)
        edits = [self.edits[r.payload_hash] for r in records if r.payload_hash in self.edits]
        hidden = {
            char
            for record in records
            if record.payload is None and record.payload_hash in self.edits
            for char in self.edits[record.payload_hash].inserted
        }
        expected = {char for edit in edits for char in edit.inserted} - hidden
        for edit in edits:
            expected -= edit.deleted
        same(len(set(content)), len(content), f"a character stands twice at {home.name}")
        if set(content) != expected:
            lost = sorted(map(hex, map(ord, expected - set(content))))
            ghosts = sorted(map(hex, map(ord, set(content) - expected)))
            raise Disagreement(f"the text at {home.name} lacks {lost} and has {ghosts} too much")
        self.read(home, content)
        if hidden and content:
            self.erased_around += len(content)
