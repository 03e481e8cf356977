"""What the users of a twin history do: everything that a memory can be asked to do.

Each act draws from luck of its own and chooses among what is shown by name, never by the order in
which concurrent writes are shown, so that two runs of one history do the same.
"""

from collections.abc import Callable, Mapping
from random import Random

from engram_sync.api import Delete, Insert
from engram_sync.api.arguments import MemoryUpdate, NewMemory
from engram_sync.ledger import Draft
from engram_sync.memory.read import CallerView, observe, show
from engram_sync.memory.state import EngramState, Snapshot
from engram_sync.memory.write import archive, created, forget, restore, update
from engram_sync.model.events import shown_events
from engram_sync.model.fields import EVENTS
from engram_sync.node.writing.erasing import erasing
from engram_sync.store import Transaction

from ._home import Home
from ._twin_views import as_text

ENGRAMS = (bytes(15) + b"\x01", bytes(15) + b"\x02")
TEXT = bytes(15) + b"\x07"
FIRST_CHAR = 0xE000
Act = Callable[["Acting"], list[Draft]]
SETTLES = 0.6
"""How often somebody names the version that is shown, and so settles what is open."""


class Acting:
    """One user at one home, about to write to one memory.

    Args:
        home: The home.
        tx: Its store.
        engram: The memory.
        luck: Draws what is done.
        word: A word that no other step writes.
    """

    def __init__(self, home: Home, tx: Transaction, engram: bytes, luck: Random, word: str) -> None:
        self.home = home
        self.tx = tx
        self.engram = engram
        self.luck = luck
        self.word = word
        self.state = home.state(tx, engram)

    @property
    def own(self) -> bytes:
        """The log that the record will go to."""
        return self.home.path.own_log(self.home.world.scope).id

    @property
    def held(self) -> EngramState:
        """The memory, which is there."""
        assert self.state is not None
        return self.state

    def seen(self) -> CallerView:
        """What the user has seen: all that is shown, by its version or simply as it is."""
        now = Snapshot(self.tx, self.home.path.logs)
        if self.luck.random() >= SETTLES:
            return observe(now, self.held, None)
        return observe(now, self.held, show(now, self.held).version)

    def updated(self, changes: MemoryUpdate) -> list[Draft]:
        """The records of an update."""
        return update(Snapshot(self.tx, self.home.path.logs), self.seen(), changes, self.own)


def drafts_of(acting: Acting) -> list[Draft]:
    """The records of whatever the user does now.

    Raises:
        EngramError: It is refused.
    """
    if acting.engram == TEXT:
        return [] if acting.state is None else _edit(acting)
    if acting.state is None:
        return _create(acting)
    (act,) = acting.luck.choices(list(_ACTS), weights=list(_ACTS.values()))
    return act(acting)


def begun_text(word: str) -> list[Draft]:
    """The first record of the text."""
    return created(TEXT, NewMemory(fresh(word, 3), collaborative=True))


def fresh(word: str, count: int) -> str:
    """Characters that nobody else writes."""
    return "".join(chr(FIRST_CHAR + int(word) * 4 + at) for at in range(count))


def _create(acting: Acting) -> list[Draft]:
    memory = NewMemory(
        acting.word,
        tags=(acting.luck.choice("abc"),),
        events=(f"e{acting.word}",) if acting.luck.random() < 0.5 else (),
        counters={"uses": 1} if acting.luck.random() < 0.3 else {},
    )
    return created(acting.engram, memory)


def _content(acting: Acting) -> list[Draft]:
    return acting.updated(MemoryUpdate(content=acting.word))


def _title(acting: Acting) -> list[Draft]:
    return acting.updated(
        MemoryUpdate(title=acting.word, category=acting.luck.choice(("", "x", "y")))
    )


def _tag(acting: Acting) -> list[Draft]:
    add, gone = acting.luck.sample("abcd", 2)
    return acting.updated(MemoryUpdate(add_tags=(add,), remove_tags=(gone,)))


def _metadata(acting: Acting) -> list[Draft]:
    value = acting.word if acting.luck.random() < 0.7 else None
    return acting.updated(MemoryUpdate(metadata={acting.luck.choice("kl"): value}))


def _confidence(acting: Acting) -> list[Draft]:
    return acting.updated(MemoryUpdate(confidence=acting.luck.randint(0, 100) / 100))


def _believe(acting: Acting) -> list[Draft]:
    belief = {"subject": "s", "relation": acting.luck.choice("rq"), "object": acting.word}
    return acting.updated(MemoryUpdate(believe=belief))


def _count(acting: Acting) -> list[Draft]:
    return acting.updated(MemoryUpdate(count={"uses": acting.luck.choice((1, 2, -1))}))


def _refine(acting: Acting) -> list[Draft]:
    return acting.updated(MemoryUpdate(refine={"name": "n", "steps": [acting.word]}))


def _event(acting: Acting) -> list[Draft]:
    told = _events(acting.held)
    draw = acting.luck.random()
    if not told or draw < 0.5:
        return acting.updated(MemoryUpdate(add_events=(f"e{acting.word}",)))
    name = told[acting.luck.choice(sorted(told))]
    if draw < 0.85:
        return acting.updated(MemoryUpdate(amend_events={name: f"a{acting.word}"}))
    return acting.updated(MemoryUpdate(remove_events=(name,)))


def _events(state: EngramState) -> Mapping[str, str]:
    """The ids of the events shown, by all that is told of each."""
    return {
        as_text(sorted(as_text(one.account.value) for one in accounts)): accounts[
            0
        ].account.id.hex()
        for accounts in shown_events(state.live(EVENTS))
    }


def _forget(acting: Acting) -> list[Draft]:
    return forget(acting.seen(), acting.word, acting.own)


def _archive(acting: Acting) -> list[Draft]:
    return archive(acting.seen(), acting.word, acting.own)


def _restore(acting: Acting) -> list[Draft]:
    return restore(Snapshot(acting.tx, acting.home.path.logs), acting.seen(), acting.own)


def _erase(acting: Acting) -> list[Draft]:
    seen = acting.seen()
    gone = [] if seen.is_deleted() else forget(seen, acting.word, acting.own)
    path, key = acting.home.path, acting.home.path_key.public
    return [*gone, *erasing(acting.tx, path, key, seen, acting.own)]


def _edit(acting: Acting) -> list[Draft]:
    if acting.luck.random() < 0.2:
        return acting.updated(
            MemoryUpdate(title=acting.word, add_tags=(acting.luck.choice("abc"),))
        )
    before = show(Snapshot(acting.tx, acting.home.path.logs), acting.held).content
    # Several may have deleted all of it together.
    place = before.index(acting.luck.choice(sorted(before))) if before else -1
    # A memory is never emptied by an edit: that is what forgetting is for.
    if len(before) > 2 and acting.luck.random() < 0.35:
        return acting.updated(MemoryUpdate(edits=[Delete(place, 1)]))
    new = fresh(acting.word, acting.luck.randint(1, 3))
    return acting.updated(MemoryUpdate(edits=[Insert(place + 1, new)]))


_ACTS: dict[Act, float] = {
    _content: 24,
    _title: 10,
    _tag: 10,
    _metadata: 8,
    _confidence: 5,
    _believe: 8,
    _count: 8,
    _refine: 6,
    _event: 12,
    _forget: 8,
    _archive: 4,
    _restore: 7,
    _erase: 9,
}
