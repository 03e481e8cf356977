"""Own records: give drafts their place, clock, dependencies and signatures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from engram_crdt import hlc
from engram_sync.errors import DeniedError, UsageError
from engram_wire import (
    AUTH_UNCHANGED,
    DEPS_MAX,
    NO_IDS,
    NO_SUPERSEDED,
    LogDomain,
    Record,
    RecordKind,
    WireError,
    encode_edit,
    encode_ids,
    encode_payload,
    encode_superseded,
    payload_hash,
    shape_of,
    sign_head,
    split_runs,
    statement_shape,
)

from ._batches import AuthoredBatch, Draft, Run
from ._check import RunCheck
from ._commit import commit, set_live
from ._limits import JOIN_SALT, NO_ENGRAM
from ._lineage import Reach, cover, extended
from ._logs import LogState
from ._references import written
from ._registry import Advance, Registry
from ._resolve import follow, head_at, place_of_untrusted
from ._views import History, Rules

_JOIN = Draft(RecordKind.JOIN, NO_ENGRAM)


# A program writes the same few shapes over and over; encoding one costs more than hashing a record.
_data_shape = lru_cache(maxsize=256)(shape_of)


@dataclass(slots=True)
class _Rows:
    """The records of a batch as they take shape."""

    seq: int
    now_ms: int
    clocks: dict[bytes, int]
    """By engram, the largest clock that its author has seen of it; grows with the records."""
    records: list[Record] = field(default_factory=list[Record])

    def add(self, draft: Draft, salt: bytes, deps: bytes, auth: bytes) -> None:
        """Append one record.

        Raises:
            UsageError: The draft breaks a limit of the format.
        """
        try:
            shape = (
                _data_shape(draft.kind, tuple([name for name, _ in draft.puts]))
                if draft.statement is None
                else statement_shape(draft.kind, draft.statement)
            )
            payload = encode_payload(salt, [value for _, value in draft.puts])
            dots = NO_SUPERSEDED
            if draft.edit is not None:
                dots = encode_edit(draft.edit)
            elif draft.superseded:
                dots = encode_superseded(draft.superseded, kind=draft.kind)
        except ValueError as error:
            raise UsageError(
                f"this change is too large for one record: {error}",
                hint="write less at once, or split it into several memories",
            ) from error
        self.seq += 1
        hashed, clock = payload_hash(payload), self._clock(draft)
        row = (self.seq, draft.engram, clock, shape, dots, payload, hashed, deps, auth)
        self.records.append(Record(*row))

    def _clock(self, draft: Draft) -> int:
        now_ms = self.now_ms if draft.at_ms is None else draft.at_ms
        clock = hlc.tick(self.clocks.get(draft.engram, 0), now_ms)
        if draft.engram != NO_ENGRAM:
            self.clocks[draft.engram] = clock
        return clock


def author(
    registry: Registry,
    rules: Rules,
    log: LogState,
    drafts: Sequence[Draft],
    *,
    now_ms: int,
    salts: Sequence[bytes],
    secret_key: bytes,
    auth: Sequence[bytes],
    clocks: Mapping[bytes, int],
    heads: Sequence[bytes] | None,
    history: History,
) -> AuthoredBatch:
    """Append ``drafts`` to an own log; see ``Ledger.author``."""
    if not drafts or len(salts) != len(drafts):
        raise UsageError(f"{len(drafts)} changes with {len(salts)} salts")
    if secret_key[32:] != log.author:
        raise UsageError("a log is continued with another key than its author's")
    if log.children or log.parent is not None:
        raise UsageError(f"log {log.id.hex()[:16]} is forked; nobody may continue it")
    past = registry.pasts.of(log, history)
    stated = _stated(rules, log, auth, past.auth)
    if heads is None:
        heads = _heads(registry, rules, log, history)
    named = sorted({*heads, *_ratified(registry, log.scope, drafts)})
    rows = _Rows(log.seq, now_ms, dict(clocks))
    forked = registry.scope(log.scope).branches > 0
    seen = _seen(registry, log, past.seen, named, history) if forked else past.seen
    rest = list(zip(drafts, salts, strict=True))
    if len(named) > DEPS_MAX and drafts[0].kind == RecordKind.SEAL and not forked:
        # First of all: a log continues what its first record seals.
        (seal, salt), *rest = rest
        rows.add(seal, salt, encode_ids(_ends(registry, log.scope, seal)), stated)
        stated = AUTH_UNCHANGED
    *joins, last = _chunks(named, DEPS_MAX)
    for names in joins:
        rows.add(_JOIN, JOIN_SALT, encode_ids(names), stated)
        stated = AUTH_UNCHANGED
    deps = encode_ids(last)
    for draft, salt in rest:
        told = written(registry, log, draft, history, seen) if forked else draft
        rows.add(told, salt, deps, stated)
        deps, stated = NO_IDS, AUTH_UNCHANGED
    return _sign(registry, rules, log, rows.records, secret_key=secret_key, history=history)


def _stated(rules: Rules, log: LogState, auth: Sequence[bytes], before: bytes) -> bytes:
    if log.domain == LogDomain.MEMBERS:
        return AUTH_UNCHANGED
    heads = tuple(sorted(auth))
    encoded = encode_ids(heads)
    if encoded == before:
        return AUTH_UNCHANGED
    if not rules.may_write(log.scope, heads, log.author):
        raise DeniedError(
            "this node may not write to the scope",
            hint="ask one of its leaders for an invite with the role member",
        )
    return encoded


def _heads(registry: Registry, rules: Rules, log: LogState, history: History) -> list[bytes]:
    """Sorted heads that the next record of ``log`` names: all that is held and it has not seen.

    Data logs name data, membership logs name the leaders' membership logs: whoever is shown an
    admission has to be shown all that is behind it, and what other members write there must not
    be able to outgrow that.  The membership behind data is named by ``auth``.  Of a log with a
    void end, what stands is named: somebody may have refused the rest.
    """
    tips = [tip for tip in registry.tips(log.scope, log.domain, history) if tip is not log]
    if log.domain == LogDomain.MEMBERS and not all(rules.leads(log.scope, t.author) for t in tips):
        wanted = [
            other
            for other in registry.scope(log.scope).logs.values()
            if other is not log
            and other.domain == log.domain
            and rules.leads(log.scope, other.author)
        ]
        seen: dict[int, int] = {}
        for other in (log, *wanted):
            cover(seen, registry.pasts.of(other, history).seen)
            if other.before is not None:
                cover(seen, dict([other.before]))
        reach = Reach(seen, registry.by_number)
        tips = [other for other in wanted if reach.in_log(other) < other.seq]
    return sorted(head_at(tip, tip.stands(tip.seq), history) for tip in tips)


def _seen(
    registry: Registry,
    log: LogState,
    before: Mapping[int, int],
    heads: Sequence[bytes],
    history: History,
) -> Mapping[int, int]:
    """How far the next record of ``log`` has seen others, when it names these heads."""
    places = (place_of_untrusted(registry, history, log, log.seq + 1, head) for head in heads)
    return extended(before, [place.position(history) for place in places], registry.by_number)


def _ratified(registry: Registry, scope: bytes, drafts: Sequence[Draft]) -> Iterator[bytes]:
    """The heads of the logs of which void records are ratified: what else stands of them need not
    be in anybody's past.
    """
    ratifies = (draft for draft in drafts if draft.kind == RecordKind.RATIFY)
    for name in {item.log for draft in ratifies for item in draft.superseded}:
        log = None if name is None else registry.log(name, scope)
        if log is not None:
            yield log.head


def _chunks(heads: list[bytes], size: int) -> list[list[bytes]]:
    """Groups of heads, all but the last for join records; at least one, which may be empty."""
    return [heads[at : at + size] for at in range(0, max(len(heads), 1), size)]


def _ends(registry: Registry, scope: bytes, seal: Draft) -> Iterator[bytes]:
    """The heads of the logs that a seal names."""
    for item in seal.superseded:
        sealed = None if item.log is None else registry.log(item.log, scope)
        if sealed is not None:
            yield sealed.head


def _sign(
    registry: Registry,
    rules: Rules,
    log: LogState,
    records: list[Record],
    *,
    secret_key: bytes,
    history: History,
) -> AuthoredBatch:
    check = RunCheck.begin(registry, rules, history, log)
    runs: list[Run] = []
    written: list[Record] = []
    head = log.head
    try:
        for unmarked in split_runs(records):
            part = [*unmarked[:-1], unmarked[-1]._replace(marked=True)]
            written += part
            check.check_untrusted(head, part)
            head = follow(head, part)[-1]
            runs.append(Run(part[0].seq, part[-1].seq, head, sign_head(secret_key, head)))
    except WireError as error:
        # An invalid record would end this log on every node, so it is never signed.
        check.revert()
        raise UsageError(f"this change breaks a rule of the log: {error}") from error
    except Exception:
        check.revert()
        raise
    done = commit(registry, log, check, Advance(records[-1].seq, head, check.hlc, check.past))
    set_live(registry, log, live=True)
    return AuthoredBatch(
        log=log,
        new_log=done.new,
        records=written,
        runs=tuple(runs),
        pasts=tuple(check.pasts),
        seq=log.seq,
        head=log.head,
        hlc=log.hlc,
        erased=done.erased,
        sealed=done.sealed,
        void=done.void,
        ratified=done.ratified,
    )
