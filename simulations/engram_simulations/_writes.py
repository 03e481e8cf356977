"""What the users of all nodes did and saw: the plain account that nodes are compared with.

Knows nothing of logs, dots or clocks.  Every text and tag that is written is unique in its run,
so that seeing a value means seeing the write that put it.
"""

import re
from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from enum import Enum

from engram_sync.api import Engram, Life

Value = str
"""``content:...``, ``tag:...`` or ``token:...``."""

TOKEN = re.compile(r"<\d+>")
"""A piece of a shared text; nobody ever inserts anything into one."""


class Outcome(Enum):
    """What its caller knows of a write."""

    RUNNING = "running"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    """The node said that nothing was written."""
    UNKNOWN = "unknown"
    """The node lost its power before it answered."""


@dataclass(slots=True, eq=False)
class Write:
    """One call that changes one engram, by one user."""

    number: int
    host: str
    engram: str
    kind: str
    puts: frozenset[Value]
    takes: frozenset[Value]
    """Values that the caller saw and that this write replaces or deletes."""
    blind: bool = False
    """Whether the caller named no version: it takes whatever its node showed at that moment."""
    deletes: bool = False
    undeletes: bool = False
    """Whether the caller saw the engram deleted, so that the write brings it back."""
    started_at: int = 0
    ended_at: int = 0
    """Positions in the order of all starts and ends."""
    doubted: bool = False
    """Whether the disk that it was written to is gone."""
    outcome: Outcome = Outcome.RUNNING

    @property
    def happened(self) -> bool | None:
        """Whether it did; None when nobody can tell."""
        if self.outcome is Outcome.ACKNOWLEDGED:
            return None if self.doubted else True
        return False if self.outcome is Outcome.REFUSED else None


def content(text: str) -> Value:
    """The value of a text."""
    return f"content:{text}"


def tag(text: str) -> Value:
    """The value of a tag."""
    return f"tag:{text}"


def token(text: str) -> Value:
    """The value of a piece of a text that several users edit."""
    return f"token:{text}"


def shown(view: Engram) -> frozenset[Value]:
    """The values that a view shows."""
    if view.collaborative:
        pieces = [token(piece) for piece in TOKEN.findall(view.content)]
        return frozenset({*pieces, *(tag(t) for t in view.tags)})
    texts = {s.value for s in view.siblings if s.field == "content"} | {view.content}
    return frozenset({content(t) for t in texts if t} | {tag(t) for t in view.tags})


def contents_of(values: Iterable[Value]) -> frozenset[Value]:
    """Those values that are texts."""
    return frozenset(v for v in values if v.startswith("content:"))


def is_deleted(view: Engram) -> bool:
    """Whether a view shows a deleted engram."""
    return view.life == Life.DELETED


@dataclass(slots=True)
class Account:
    """Every write of a run."""

    of: dict[str, list[Write]] = field(default_factory=lambda: defaultdict(list))
    """By engram."""
    unplaced: list[Write] = field(default_factory=list[Write])
    """Remembered by a node that lost its power before it told the id."""
    texts: list[str] = field(default_factory=list[str])
    """Engrams whose text several users edit."""
    erasures: list[Write] = field(default_factory=list[Write])
    """Writes that erase what they take."""
    order: int = 0
    """How many calls began or ended so far."""
    _number: int = 0

    def begin(
        self,
        host: str,
        engram: str,
        kind: str,
        *,
        puts: Iterable[Value] = (),
        takes: Iterable[Value] = (),
        blind: bool = False,
        deletes: bool = False,
        undeletes: bool = False,
    ) -> Write:
        """A user calls; the engram of a remember is not known yet and empty."""
        self._number += 1
        self.order += 1
        write = Write(
            number=self._number,
            host=host,
            engram=engram,
            kind=kind,
            puts=frozenset(puts),
            takes=frozenset(takes),
            blind=blind,
            deletes=deletes,
            undeletes=undeletes,
            started_at=self.order,
        )
        if engram:
            self.of[engram].append(write)
        return write

    def end(self, write: Write, outcome: Outcome, engram: str = "") -> None:
        """The call is over."""
        self.order += 1
        write.ended_at = self.order
        write.outcome = outcome
        if engram and not write.engram:
            write.engram = engram
            self.of[engram].append(write)
        if not write.engram and outcome is not Outcome.REFUSED:
            self.unplaced.append(write)

    def doubt(self, host: str, since: int) -> None:
        """What the node of ``host`` acknowledged since then may be gone with its disk."""
        for write in [w for writes in self.of.values() for w in writes]:
            if write.host == host and (write.ended_at > since or not write.ended_at):
                write.doubted = True

    def engrams(self) -> list[str]:
        """Every engram that anybody knows of, oldest first."""
        return list(self.of)


def lost(writes: Iterable[Write], visible: frozenset[Value]) -> list[tuple[Write, Value]]:
    """Values that were acknowledged, are not visible, and that nobody who saw them took away."""
    known = [w for w in writes if w.happened is not False]
    # No write takes what it puts itself: every value is written once.
    taken = frozenset[Value]().union(*(write.takes for write in known))
    blind = [write for write in known if write.blind]
    return [
        (write, value)
        for write in known
        if write.happened
        for value in sorted(write.puts - visible - taken)
        if not any(_may_have_seen(other, write) for other in blind)
    ]


def _may_have_seen(other: Write, write: Write) -> bool:
    return other is not write and (not other.ended_at or other.ended_at > write.started_at)


def invented(writes: Iterable[Write], visible: frozenset[Value]) -> list[Value]:
    """Visible values that nobody wrote, or whose writer was told that they were not."""
    possible = {value for write in writes if write.happened is not False for value in write.puts}
    return sorted(visible - possible)


def returned(writes: Iterable[Write], visible: frozenset[Value]) -> list[Value]:
    """Visible values that somebody who saw them took away.

    Empty where the account cannot tell: a restore may bring a value back.
    """
    known = [w for w in writes if w.happened is not False]
    if any(w.undeletes for w in known):
        return []
    taken = {value for write in known if write.happened for value in write.takes}
    return sorted(visible & taken)


def said_again(writes: Iterable[Write], erasure: Write, copied: Container[str]) -> bool:
    """Whether somebody who need not have known of an erasure brought its engram back.

    What was there is then said again in a new record, which the erasure could not name.
    """
    return any(
        write.undeletes
        and write.happened is not False
        and (write.host != erasure.host or write.host in copied)
        for write in writes
    )


def must_be_deleted(writes: Iterable[Write]) -> bool:
    """Whether somebody deleted it and nobody who could have known brought it back."""
    known = [w for w in writes if w.happened is not False]
    revivals = [w for w in known if w.undeletes or w.blind]
    return any(
        write.deletes
        and write.happened
        and not any(not r.ended_at or r.ended_at > write.started_at for r in revivals)
        for write in known
    )


def may_be_deleted(writes: Iterable[Write]) -> bool:
    """Whether anybody may have deleted it."""
    return any(write.deletes and write.happened is not False for write in writes)
