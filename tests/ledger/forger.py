"""An author that holds a valid key and signs whatever it likes."""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace

from engram_wire import (
    NO_IDS,
    NO_SUPERSEDED,
    Announcement,
    Edit,
    Frame,
    LogDomain,
    Record,
    RecordKind,
    Superseded,
    decode_frame_untrusted,
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
)
from tests.ledger.replica import NOW_MS, Replica

VALUE = b"\x61x"


class Forger:
    """Builds one log of ``who`` by hand, one record after the other."""

    def __init__(
        self, who: Replica, scope: bytes, domain: LogDomain = LogDomain.DATA, number: int = 0
    ) -> None:
        self.who = who
        self.scope = scope
        incarnation = b"forged" + number.to_bytes(10, "big")
        self.announcement = Announcement(1, int(domain), who.key, incarnation)
        self.id = log_id(int(domain), scope, who.key, incarnation)
        self.heads = [self.id]
        self.records: list[Record] = []
        self.auth = encode_ids(who.charters.of(scope).heads)

    def add(
        self,
        *collections: str,
        engram: bytes = bytes(16),
        kind: int = 0,
        dots: Sequence[Superseded] = (),
        deps: Sequence[bytes] = (),
        auth: Sequence[bytes] | None = None,
        hlc: int | None = None,
        shape: bytes | None = None,
        edit: Edit | None = None,
        marked: bool = True,
    ) -> "Forger":
        """Append a record; the first one states the author's real membership heads."""
        seq = len(self.records) + 1
        column = encode_superseded(dots, kind=kind) if dots else NO_SUPERSEDED
        if edit is not None:
            kind, collections = RecordKind.EDIT, ("x/body",) * len(edit.inserts)
            column = encode_edit(edit)
        payload = encode_payload(bytes(16), [VALUE] * len(collections))
        after = self.records[-1].hlc + 1 if self.records else 0
        first = seq == 1 and self.announcement.domain == LogDomain.DATA
        stated = self.auth if first else b"\xf6"
        record = Record(
            seq=seq,
            engram=engram,
            hlc=max(NOW_MS + 10_000 + seq << 16, after) if hlc is None else hlc,
            shape=shape_of(kind, collections) if shape is None else shape,
            superseded=column,
            payload=payload,
            payload_hash=payload_hash(payload),
            deps=encode_ids(deps) if deps else NO_IDS,
            auth=stated if auth is None else encode_ids(auth),
            marked=marked,
        )
        self.records.append(record)
        self.heads.append(extend(self.heads[-1], record))
        return self

    def fork(self, at: int) -> "Forger":
        """The same history up to position ``at``, to go on in another way."""
        other = copy(self)
        other.heads, other.records = self.heads[: at + 1], self.records[:at]
        return other

    def call(self, branch: bytes) -> Announcement:
        """The announcement of somebody who calls it a branch of that first record."""
        return replace(self.announcement, branch=branch)

    def upto(self, last: int, first: int = 1) -> Frame:
        """The records from ``first`` to ``last``, which is signed."""
        return self.fork(last).frame(first)

    def frame(self, first: int = 1, *signed: int) -> Frame:
        """The records from ``first`` on, signed at the given positions and at the end."""
        seqs = sorted({*signed, len(self.records)})
        signatures = [(seq, sign_head(self.who.secret, self.heads[seq])) for seq in seqs]
        return decode_frame_untrusted(encode_frame(1, self.records[first - 1 :], signatures))
