"""Logs and families: a log, its branches where its author's history forked, and its path.

A family is everything one author wrote under one name (domain, scope, author, incarnation).  While
nobody has seen two records of it at one position it is one log, the root.  From a fork on, each
continuation is a log of its own, and what lies before the fork keeps its name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from engram_wire import ClockEntry, branch_id, log_id

from ._past import Past


@dataclass(slots=True, eq=False)
class LogState:
    """One log as far as it is held.  Only the ledger changes it."""

    n: int
    """Local number, from 1; 0 while the log is not registered."""
    id: bytes
    scope: bytes
    domain: int
    author: bytes
    incarnation: bytes
    seq: int
    """Newest position held.  A signed one, unless the log forks there: then the signatures of its
    branches cover it.  0 when nothing is held."""
    head: bytes
    """Chain head at ``seq``; the log's id when it is a root of which nothing is held."""
    hlc: int
    """Clock of the record at ``seq``; 0 when nothing is held."""
    root: bytes
    """Id of the root of its family; its own when it is one."""
    past: Past | None = field(default_factory=Past)
    """What ``seq`` has behind it in logs that are not of its lineage; None while that is only in
    the store, see ``Registry.past_of``."""
    parent: "LogState | None" = field(default=None, repr=False)
    """The log that this one branches off; None for a root."""
    base: int = 0
    """The parent's last position, after which this log begins; 0 for a root."""
    branch: bytes | None = None
    """Chain id of its first record, which names a branch; None for a root."""
    sealed: int = 0
    """The newest position at which the author has promised to end it; 0 without a seal."""
    follows: int = 0
    """Number of the newest of the logs that its first record seals: it continues that one.  0 for
    none.  Sealed logs are mostly not in memory."""
    until: int = 0
    """The position at which it seals that log."""
    void_after: int | None = None
    """The last position before what its author has declared void; None when nothing is."""
    live: bool = False
    """Whether this node continues it."""
    children: dict[bytes, "LogState"] = field(default_factory=dict[bytes, "LogState"], repr=False)
    """The branches that begin where it ends, by the chain id of their first record."""

    depth: int = -1
    """How many logs it continues, one after the other; see ``_lineage``.  -1 while unknown."""
    jump: int = 0
    """Number of a log far before it, known with ``depth``."""

    @property
    def before(self) -> tuple[int, int] | None:
        """Number of the log that it continues, and the position there that all of its own have
        behind them: its trunk, or what its first record seals.
        """
        if self.base and self.parent is not None:
            return self.parent.n, self.base
        return (self.follows, self.until) if self.follows else None

    def continues(self, log: int, until: int) -> None:
        """Say what its first record seals; ``depth`` of what continues this one is void then."""
        self.follows, self.until, self.depth = log, until, -1

    @property
    def entry(self) -> ClockEntry:
        """Its entry in a clock."""
        return ClockEntry(log=self.id, seq=self.seq, head=self.head)

    def path(self) -> list["LogState"]:
        """The logs from the root down to this one, both included."""
        logs: list[LogState] = []
        log: LogState | None = self
        while log is not None:
            logs.append(log)
            log = log.parent
        return logs[::-1]

    def owner(self, seq: int) -> "LogState":
        """The log of the path that holds record ``seq``, which is not beyond this one's end."""
        log = self
        while seq <= log.base and log.parent is not None:
            log = log.parent
        return log

    def stands(self, seq: int) -> int:
        """The last position up to ``seq`` that is not void."""
        return min([seq, *(part.void_after for part in self.path() if part.void_after is not None)])

    def family(self) -> Iterator["LogState"]:
        """This log and everything that branches off it, parents first."""
        waiting: list[LogState] = [self]
        while waiting:
            log = waiting.pop()
            yield log
            waiting += log.children.values()

    def heir(self) -> "LogState":
        """The branch that took over what was held beyond this log's end when it forked.

        It was numbered before every other branch, so positions that were written down before the
        fork are still understood.
        """
        return min(self.children.values(), key=lambda log: log.n)


class LogFork(NamedTuple):
    """One author's history with more than one continuation."""

    root: bytes
    """Id of the family's root."""
    author: bytes
    base: int
    """The last common position."""
    branches: tuple[LogState, ...]
    """At least two, sorted by id."""


def root_log(scope: bytes, domain: int, author: bytes, incarnation: bytes) -> LogState:
    """The root of a family, with nothing held and not registered."""
    domain = int(domain)  # A member of an enumeration is no CBOR integer.
    name = log_id(domain, scope, author, incarnation)
    return LogState(0, name, scope, domain, author, incarnation, 0, name, 0, root=name)


def branch_of(trunk: LogState, first: bytes) -> LogState:
    """The branch whose first record is ``first``, at its beginning and not registered.

    Args:
        trunk: What it continues; ends where the branch begins.
        first: Chain id of the branch's first record.
    """
    log = branch_at(trunk, first, trunk.seq)
    log.head, log.hlc, log.past, log.parent = trunk.head, trunk.hlc, trunk.past, trunk
    return log


def branch_at(member: LogState, first: bytes, base: int) -> LogState:
    """The branch of that name, not connected to anything yet.

    Args:
        member: Any log of its family.
        first: Chain id of the branch's first record.
        base: The position before it.
    """
    return LogState(
        0,
        branch_id(first),
        member.scope,
        member.domain,
        member.author,
        member.incarnation,
        seq=base,
        head=first,
        hlc=0,
        root=member.root,
        base=base,
        branch=first,
    )
