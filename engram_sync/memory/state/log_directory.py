"""Whose key wrote which log: what views need to name the author of a value."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from engram_sync.api import Provenance
from engram_sync.errors import CorruptError
from engram_sync.ledger import History, ScopeNames, decode_past
from engram_sync.model.ids import node_text
from engram_sync.store import LogRow, Reader
from engram_wire import Record

from .recent_texts import RecentTexts
from .references import References


class _Log(NamedTuple):
    n: int
    id: bytes
    author: bytes
    parent: int | None
    base: int
    follows: int | None
    until: int


def _log_of(row: LogRow) -> _Log:
    return _Log(row.n, row.id, row.author, row.parent, row.base, row.follows, row.until)


def _no_label(_scope: bytes, _key: bytes) -> str:
    return ""


def _one_agent(_scope: bytes, _key: bytes) -> bool:
    return True


def _full_trust(_scope: bytes, _key: bytes) -> float:
    return 1.0


def _unforked(_reader: Reader, _scope: bytes, _log: int) -> tuple[ScopeNames, History] | None:
    return None


class LogDirectory:
    """The logs this node has met, by number and by id.

    What it knows of a log changes only where one forks, and whoever divides it makes this forget.

    Args:
        label: The display name of a key in a scope, from the scope's membership.
        trust: This node's trust in a key in a scope, in [0, 1].
        names: What references mean in a scope, and what is stored to tell that by, asked with
            the number of a log of it; None while no log of the scope is forked, and every
            reference means the log that it names.
        own_agent: Whether a key writes for the same agent as this node, in a scope.  By default
            everybody does, as in the scope of one agent.
        version_key: A secret of this node, of at most 64 bytes.
    """

    def __init__(
        self,
        *,
        label: Callable[[bytes, bytes], str] = _no_label,
        trust: Callable[[bytes, bytes], float] = _full_trust,
        names: Callable[[Reader, bytes, int], tuple[ScopeNames, History] | None] = _unforked,
        own_agent: Callable[[bytes, bytes], bool] = _one_agent,
        version_key: bytes = b"",
    ) -> None:
        self.version_key = version_key
        """What this node proves by that a version was given out by it."""
        self._own_agent = own_agent
        self._label = label
        self._trust = trust
        self._names = names
        self._by_n: dict[int, _Log] = {}
        self._by_id: dict[bytes, _Log] = {}
        self.texts = RecentTexts()
        """Texts that were changed lately."""

    def forget(self) -> None:
        """Forget all that was learnt from the store; it is learnt again when somebody asks."""
        self._by_n = {}
        self._by_id = {}
        self.texts.forget()

    def log_id(self, reader: Reader, n: int) -> bytes:
        """The id of the log with this number in the store."""
        return self._numbered(reader, n).id

    def pieces(self, reader: Reader, n: int, first: int, last: int) -> list[tuple[int, int, int]]:
        """(log, first, last) of the logs that a stretch of the path of log ``n`` consists of.

        A run may begin before the branch that it ends in: its beginning belongs to the parent.
        """
        found: list[tuple[int, int, int]] = []
        while (log := self._numbered(reader, n)).parent is not None and first <= log.base:
            if last > log.base:
                found.append((n, log.base + 1, last))
                last = log.base
            n = log.parent
        return [(n, first, last), *reversed(found)]

    def before(self, reader: Reader, n: int) -> tuple[int, int] | None:
        """(log, position) that every position of log ``n`` has behind it; None for the first of a
        lineage.
        """
        log = self._numbered(reader, n)
        if log.parent is not None and log.base:
            return log.parent, log.base
        return None if log.follows is None else (log.follows, log.until)

    def naming(
        self, reader: Reader, scope: bytes, log: int
    ) -> Callable[[Record], References] | None:
        """What the references of each record of a log mean; None where no log was forked."""
        found = self._names(reader, scope, log)
        if found is None:
            return None
        names, history = found
        return lambda record: names.resolve(log, record, history)

    def seen(self, reader: Reader, scope: bytes, log: int, seq: int) -> Mapping[int, int]:
        """By number, how far a position has seen other logs of its scope.

        What these have ``before`` them, and what its own path has, goes without saying.
        """
        found = self._names(reader, scope, log)
        if found is None:
            return decode_past(reader.past(log, seq)).seen
        return found[0].seen_at(log, seq, found[1])

    def _numbered(self, reader: Reader, n: int) -> _Log:
        log = self._by_n.get(n) or self._learnt(reader.log(n))
        if log is None:
            raise CorruptError(
                f"the store names a log {n} that it does not hold",
                hint="copy the home aside, then restore it from a backup",
            )
        return log

    def _learnt(self, row: LogRow | None) -> _Log | None:
        if row is None:
            return None
        log = self._by_n[row.n] = self._by_id[row.id] = _log_of(row)
        return log

    def log_number(self, reader: Reader, log: bytes) -> int:
        """The number in the store of the log with this id."""
        return self._log(reader, log).n

    def author(self, reader: Reader, log: bytes) -> bytes:
        """The public key that signs a log."""
        return self._log(reader, log).author

    def _log(self, reader: Reader, log: bytes) -> _Log:
        known = self._by_id.get(log) or self._learnt(reader.log_by_id(log))
        if known is None:
            raise CorruptError(
                f"the store names a log {log.hex()[:16]} that it does not hold",
                hint="copy the home aside, then restore it from a backup",
            )
        return known

    def label(self, scope: bytes, key: bytes) -> str:
        """The display name of a key in a scope; empty when it has none."""
        return self._label(scope, key)

    def is_own_agent(self, reader: Reader, scope: bytes, log: bytes) -> bool:
        """Whether a log of a scope was written for the agent of this node."""
        return self._own_agent(scope, self.author(reader, log))

    def provenance(self, reader: Reader, scope: bytes, log: bytes, hlc: int) -> Provenance:
        """Who wrote a record of ``log`` at ``hlc``, for people to read."""
        key = self.author(reader, log)
        return Provenance(
            node=node_text(key),
            label=self._label(scope, key),
            agent=scope.hex(),
            written_at_ms=hlc >> 16,
            trust=self._trust(scope, key),
        )
