"""Logs as a member writes them by hand: signed, chained, and as expensive as the rules allow."""

import os
import time
from collections.abc import Callable, Iterator, Sequence

from engram_sync.node import Node
from engram_sync.node.writing.write_path import Arrival, arrival_untrusted
from engram_wire import (
    AUTH_UNCHANGED,
    NO_IDS,
    NO_SUPERSEDED,
    RUN_BYTES_MAX,
    RUN_RECORDS_MAX,
    Announcement,
    Edit,
    KeyPair,
    LogDomain,
    Record,
    RecordKind,
    Superseded,
    cbor,
    encode_edit,
    encode_frame,
    encode_ids,
    encode_payload,
    encode_superseded,
    extend,
    log_id,
    payload_hash,
    shape_of,
    sign_head,
    statement_shape,
)

Put = tuple[str, cbor.Encodable]
HLC_LAST = (1 << 63) - 1


def new_engram() -> bytes:
    """An id that no memory has."""
    return time.time_ns().to_bytes(8, "big") + os.urandom(8)


class Forged:
    """One log of one author.

    Args:
        scope: Id of the scope.
        author: Whose key signs.
        auth: Sorted membership heads at which the author may write.
        domain: Data, or what it says about members.
    """

    def __init__(
        self,
        scope: bytes,
        author: KeyPair,
        auth: Sequence[bytes],
        domain: LogDomain = LogDomain.DATA,
    ) -> None:
        self.scope = scope
        self.author = author
        self.domain = int(domain)
        self.incarnation = os.urandom(16)
        self.id = log_id(self.domain, scope, author.public_key, self.incarnation)
        self.heads = [self.id]
        self.records: list[Record] = []
        self._auth = encode_ids(sorted(auth))
        self._deps = sorted(auth)

    @property
    def head(self) -> bytes:
        """The newest head, which is signed."""
        return self.heads[-1]

    def add(
        self,
        engram: bytes,
        puts: Sequence[Put] = (),
        *,
        kind: int = RecordKind.UPDATE,
        superseded: Sequence[Superseded] = (),
        edit: Edit | None = None,
        deps: Sequence[bytes] = (),
        hlc: int = 0,
        marked: bool = True,
    ) -> "Forged":
        """Append one record."""
        seq = len(self.records) + 1
        payload = encode_payload(bytes(16), [cbor.encode(value) for _, value in puts])
        column = encode_edit(edit) if edit else encode_superseded(superseded, kind=kind)
        record = Record(
            seq=seq,
            engram=engram,
            hlc=hlc or (time.time_ns() // 1_000_000 << 16) + seq,
            shape=shape_of(kind, [name for name, _ in puts]),
            superseded=column,
            payload=payload,
            payload_hash=payload_hash(payload),
            deps=encode_ids(sorted(deps)) if deps else NO_IDS,
            auth=self._auth if seq == 1 else AUTH_UNCHANGED,
            marked=marked,
        )
        self.records.append(record)
        self.heads.append(extend(self.heads[-1], record))
        return self

    def say(self, kind: int, statement: Sequence[object], label: str = "") -> "Forged":
        """Append one statement about members."""
        seq = len(self.records) + 1
        payload = encode_payload(bytes(16), [cbor.encode(label)])
        record = Record(
            seq=seq,
            engram=bytes(16),
            hlc=(time.time_ns() // 1_000_000 << 16) + seq,
            shape=statement_shape(kind, list(statement)),
            superseded=NO_SUPERSEDED,
            payload=payload,
            payload_hash=payload_hash(payload),
            deps=encode_ids(self._deps) if seq == 1 else NO_IDS,
            auth=AUTH_UNCHANGED,
            marked=True,
        )
        self.records.append(record)
        self.heads.append(extend(self.heads[-1], record))
        return self

    def announcement(self, ref: int) -> Announcement:
        """The log under a number."""
        return Announcement(ref, self.domain, self.author.public_key, self.incarnation)

    def frames(self, ref: int, *, payloads: bool = True) -> Iterator[bytes]:
        """All its records, in as few frames as they fit; the last record of each is marked."""
        start = cut = size = 0
        for index, record in enumerate(self.records):
            cost = len(record.payload or b"") + len(record.superseded) + len(record.deps) + 300
            full = size + cost > RUN_BYTES_MAX or index - start == RUN_RECORDS_MAX
            if cut > start and full:
                yield self._frame(ref, self.records[start:cut], payloads=payloads)
                start, size = cut, 0
            size += cost
            cut = index + 1 if record.marked else cut
        yield self._frame(ref, self.records[start:], payloads=payloads)

    def arrival(self) -> Arrival:
        """All its records in one frame, as if its author had just sent it."""
        (frame,) = self.frames(1)
        return arrival_untrusted(self.scope, {1: self.announcement(1)}, frame)

    def _frame(self, ref: int, records: Sequence[Record], *, payloads: bool) -> bytes:
        signatures = [
            (r.seq, sign_head(self.author.secret_key, self.heads[r.seq]))
            for r in records
            if r.marked
        ]
        if not payloads:
            records = [record._replace(payload=None) for record in records]
        return encode_frame(ref, records, signatures)


def logs_of(member: Node, owner: Node) -> Callable[[], Forged]:
    """What begins another log of a member's key in the agent's scope, as its owner knows that."""
    core, key = owner._core, member._core.key
    scope = core.facts.agent_scope
    heads = core.path.charters.of(scope).auth(key.public)
    return lambda: Forged(scope, KeyPair(key.public, key.secret), heads)
