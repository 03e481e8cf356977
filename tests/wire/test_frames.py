"""Frames: columns out, the same records in, and no second spelling or silent change."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_wire import (
    AUTH_UNCHANGED,
    HLC_MAX,
    HLC_MIN,
    NO_IDS,
    Frame,
    InvalidRecordError,
    LimitError,
    ProtocolError,
    Record,
    RecordKind,
    SignatureError,
    Superseded,
    WireError,
    cbor,
    decode_frame_untrusted,
    encode_frame,
    encode_ids,
    encode_superseded,
    statement_shape,
    verify_frame_untrusted,
)
from tests.wire.parties import (
    ALICE,
    ALICE_LOG,
    BOB,
    NOW_MS,
    frame_of,
    heads_of,
    record,
    signed,
)


def varied() -> list[Record]:
    """Five records that use every column."""
    dots = encode_superseded([Superseded(0, None, 0), Superseded(1, b"l" * 32, 4)])
    until = encode_superseded([Superseded(0, None, 9)], kind=RecordKind.DELETE)
    deps = encode_ids([b"d" * 32, b"e" * 32])
    return [
        record(1, marked=False),
        record(2, kind=RecordKind.UPDATE, superseded=dots, deps=deps),
        record(3, hlc=(NOW_MS + 2 << 16) + 7, auth=encode_ids([b"n" * 32])),
        record(
            4, kind=RecordKind.DELETE, collections=(), values=(), superseded=until, marked=False
        ),
        record(5, held=False),
    ]


VARIED = varied()
VARIED_FRAME = frame_of(VARIED, at=[2, 5])


@st.composite
def batches(draw: st.DrawFn) -> list[Record]:
    first = draw(st.integers(1, 5))
    found: list[Record] = []
    for seq in range(first, first + draw(st.integers(1, 12))):
        hlc = draw(st.integers(NOW_MS << 16, (NOW_MS << 16) + 9) | st.integers(HLC_MIN, HLC_MAX))
        ids = st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=3)
        found.append(
            record(
                seq,
                kind=draw(st.sampled_from([0, 1, 5])),
                collections=("r/title",),
                values=(draw(st.text(max_size=9)),),
                superseded=draw(
                    st.sampled_from([b"\x80", encode_superseded([Superseded(1, None, seq)])])
                ),
                deps=encode_ids(draw(st.just([]) | ids)),
                auth=draw(st.just(AUTH_UNCHANGED) | ids.map(encode_ids)),
                hlc=hlc,
                held=draw(st.booleans()),
                marked=draw(st.booleans()),
            )
        )
    return found


@pytest.mark.slow
@given(batches(), st.data())
def test_a_frame_gives_back_its_records_and_signatures(
    records: list[Record], data: st.DataObject
) -> None:
    records[-1] = records[-1]._replace(marked=True)
    marked = [item.seq for item in records if item.marked]
    places = data.draw(st.sets(st.sampled_from(marked)))
    signatures = signed(records, at=sorted(places | {records[-1].seq}))
    encoded = encode_frame(9, records, signatures)
    frame = decode_frame_untrusted(encoded)
    assert frame == Frame(9, records[0].seq, records, signatures)
    assert encode_frame(frame.ref, frame.records, frame.signatures) == encoded
    proven = verify_frame_untrusted(frame, ALICE.public_key, ALICE_LOG)
    heads = heads_of(records)
    known = dict(signatures)
    assert proven == [(seq, heads[seq - records[0].seq], known.get(seq)) for seq in marked]


def test_a_frame_of_statements_is_read_like_any_other() -> None:
    shape = statement_shape(RecordKind.ADMIT, [b"k" * 32, 2])
    records = [record(1, collections=(), values=("label",))._replace(shape=shape)]
    frame = decode_frame_untrusted(frame_of(records))
    assert frame.records == records


def test_the_part_of_a_frame_that_is_not_held_yet_verifies_from_its_own_head() -> None:
    frame = decode_frame_untrusted(VARIED_FRAME)
    rest = Frame(frame.ref, 3, frame.records[2:], frame.signatures[1:])
    proven = verify_frame_untrusted(rest, ALICE.public_key, heads_of(VARIED)[1])
    assert [(at.seq, at.signature is None) for at in proven] == [(3, True), (5, False)]


def test_a_relay_can_drop_a_signature_and_not_the_mark_under_it() -> None:
    """Else it could keep everything that names the position away from a node."""
    frame = decode_frame_untrusted(frame_of(VARIED, at=[5]))
    proven = verify_frame_untrusted(frame, ALICE.public_key, ALICE_LOG)
    heads = heads_of(VARIED)
    assert [(at.seq, at.head) for at in proven] == [(n, heads[n - 1]) for n in (2, 3, 5)]
    others: list[cbor.Value] = [0, [1], [2], [1, 2, 3]]
    for marks in others:
        changed = decode_frame_untrusted(spliced(13, marks, frame_of(VARIED, at=[5])))
        if changed != frame:
            with pytest.raises(SignatureError):
                verify_frame_untrusted(changed, ALICE.public_key, ALICE_LOG)


@pytest.mark.parametrize(
    "change",
    [
        {"engram": b"x" * 16},
        {"hlc": VARIED[2].hlc + 1},
        {"shape": VARIED[1].shape},
        {"superseded": encode_superseded([Superseded(0, None, 1)])},
        {"payload": VARIED[1].payload},
        {"payload": None, "payload_hash": b"x" * 32},
        {"deps": encode_ids([b"x" * 32])},
        {"auth": AUTH_UNCHANGED},
        {"marked": False},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_relay_that_changes_one_field_of_one_record_is_refused(change: dict[str, object]) -> None:
    records = list(VARIED)
    records[2] = records[2]._replace(**change)  # type: ignore[arg-type]  # each row fits its field
    tampered = decode_frame_untrusted(encode_frame(1, records, signed(VARIED, at=[5])))
    with pytest.raises(SignatureError):
        verify_frame_untrusted(tampered, ALICE.public_key, ALICE_LOG)


def test_records_cannot_be_reordered_left_out_or_moved_to_another_log() -> None:
    signatures = signed(VARIED)
    swapped = [VARIED[0], VARIED[2]._replace(seq=2), VARIED[1]._replace(seq=3), *VARIED[3:]]
    frames = [
        Frame(1, 1, swapped, signatures),
        Frame(1, 2, VARIED[1:], signatures),
        Frame(1, 1, VARIED[:1] + VARIED[2:], signatures),
    ]
    for frame in frames:
        with pytest.raises(SignatureError):
            verify_frame_untrusted(frame, ALICE.public_key, ALICE_LOG)
    whole = decode_frame_untrusted(VARIED_FRAME)
    with pytest.raises(SignatureError):
        verify_frame_untrusted(whole, ALICE.public_key, b"x" * 32)
    with pytest.raises(SignatureError):
        verify_frame_untrusted(whole, BOB.public_key, ALICE_LOG)


def test_every_signature_of_a_frame_is_verified_not_only_the_last() -> None:
    good = signed(VARIED, at=[2, 5])
    forged = encode_frame(1, VARIED, [(2, good[1][1]), good[1]])
    with pytest.raises(SignatureError):
        verify_frame_untrusted(decode_frame_untrusted(forged), ALICE.public_key, ALICE_LOG)


@pytest.mark.parametrize("frame", [Frame(1, 1, [], []), Frame(1, 1, VARIED, signed(VARIED[:2]))])
def test_a_frame_that_does_not_end_at_a_signature_proves_nothing(frame: Frame) -> None:
    with pytest.raises(SignatureError):
        verify_frame_untrusted(frame, ALICE.public_key, ALICE_LOG)


@pytest.mark.parametrize("at", range(len(VARIED_FRAME)))
def test_no_change_of_one_byte_passes(at: int) -> None:
    changed = bytearray(VARIED_FRAME)
    changed[at] ^= 1
    try:
        frame = decode_frame_untrusted(bytes(changed))
        proven = verify_frame_untrusted(frame, ALICE.public_key, ALICE_LOG)
    except WireError:
        return
    # Only the number of the log is free: it names an announcement and nothing in the records.
    assert frame.ref != 1
    assert proven[-1][1] == heads_of(VARIED)[-1]


def spliced(column: int, value: cbor.Value, base: bytes = VARIED_FRAME) -> bytes:
    columns = cbor.decode_untrusted(base)
    assert isinstance(columns, list)
    columns[column] = value
    return cbor.encode(columns)


SHAPE = VARIED[0].shape


@pytest.mark.parametrize(
    ("column", "value"),
    [
        (0, -1),
        (0, 1 << 32),
        (0, True),
        (1, 0),
        (1, 1 << 40),
        (1, "1"),
        (2, []),
        (2, [1]),
        (2, [4, 4]),
        (2, [4, 1]),
        (2, [1, 5]),
        (2, [-1, 4]),
        (2, 4),
        (3, b""),
        (3, bytes(127)),
        (3, ["s"]),
        (4, []),
        (4, [SHAPE]),
        (4, [SHAPE, SHAPE, SHAPE, SHAPE]),
        (4, ["text", "text", "text"]),
        (4, [b"", SHAPE, b"\x01\x80"]),
        (4, 0),
        (5, 0),
        (5, bytes(5)),
        (5, b"\x00\x01\x00\x02"),
        (5, b"\x01\x00\x01\x02\x01"),
        (5, b"\x00\x01\x00\x02\x03"),
        (5, [0, 1, 0, 2, 0]),
        (6, b""),
        (6, bytes(79)),
        (6, "x" * 80),
        (7, -1),
        (7, 1 << 50),
        (7, 1.5),
        (7, 65535),
        (8, []),
        (8, [1, 1, 1]),
        (8, [1, 1, 1, -NOW_MS - 9]),
        (8, [1, 1, 1, True]),
        (8, [1, 1, 1, 1 << 47]),
        (8, 0),
        (9, [0, 0, 0, 0, 0]),
        (9, [0, 0, 7, 0]),
        (9, [0, 0, 65536, 0, 0]),
        (9, False),
        (10, [b"", b"", b"", b"", b""]),
        (10, [b"\x80", b"", b"", VARIED[3].superseded, b""]),
        (10, [b"", b"", b"", b"\x81\x00", b""]),
        (10, [b"", b"", b"", b"\x98\x00", b""]),
        (10, [b"", b"x"]),
        (10, ["", "", "", "", "x"]),
        (10, None),
        (11, []),
        (11, 0),
        (11, [b"x"] * 257),
        (11, [[b"short"]] * 5),
        (11, [[b"x" * 32, 1]] * 5),
        (11, ["text"] * 5),
        (11, [bytes((512 << 10) + 1), b"x", b"x", b"x", b"x"]),
        (12, []),
        (12, None),
        (12, [[0, NO_IDS, AUTH_UNCHANGED]]),
        (12, [[5, encode_ids([b"d" * 32]), AUTH_UNCHANGED]]),
        (12, [[1, encode_ids([b"d" * 32]), AUTH_UNCHANGED], [0, NO_IDS, encode_ids([b"d" * 32])]]),
        (12, [[0, b"\x81", AUTH_UNCHANGED]]),
        (12, [[0, encode_ids([b"d" * 32]), NO_IDS]]),
        (12, [[0, encode_ids([b"d" * 32])]]),
        (12, [[0, "text", AUTH_UNCHANGED]]),
        (12, [[0, NO_IDS, AUTH_UNCHANGED]] * 6),
        (13, []),
        (13, None),
        (13, [1]),
        (13, [4]),
        (13, [3, 2]),
        (13, [2, 2]),
        (13, [5]),
        (13, [-1]),
        (13, [False]),
        (13, [0, 0, 2, 2, 3, 3]),
    ],
)
def test_a_column_with_another_content_is_refused(column: int, value: cbor.Value) -> None:
    with pytest.raises(WireError):
        decode_frame_untrusted(spliced(column, value))


def test_a_frame_of_one_record_has_no_steps_and_one_shape() -> None:
    single = frame_of([record(1)])
    assert len(decode_frame_untrusted(single).records) == 1
    others: list[tuple[int, cbor.Value]] = [(5, b"\x00"), (4, [SHAPE, SHAPE]), (8, [1]), (5, None)]
    for column, value in others:
        with pytest.raises(WireError):
            decode_frame_untrusted(spliced(column, value, single))


PLAIN_FRAME = frame_of([record(1), record(2)])


@pytest.mark.parametrize(
    "columns",
    [
        {4: [SHAPE, SHAPE], 5: b"\x00\x01"},
        {5: b"\x00\x00"},
        {9: [0, 0]},
        {10: [b"", b""]},
        {10: [b"", b"\x80"]},
        {12: []},
        {13: []},
        {13: [1]},
    ],
    ids=str,
)
def test_the_same_records_have_no_second_spelling(columns: dict[int, cbor.Value]) -> None:
    data = PLAIN_FRAME
    for column, value in columns.items():
        data = spliced(column, value, data)
    with pytest.raises(ProtocolError):
        decode_frame_untrusted(data)


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x8e", VARIED_FRAME[:-1], VARIED_FRAME + b"\x00"])
def test_bytes_that_are_no_frame_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode_frame_untrusted(data)


def test_a_frame_in_a_longer_spelling_is_refused() -> None:
    with pytest.raises(ProtocolError):
        decode_frame_untrusted(b"\x98\x0e" + VARIED_FRAME[1:])


def test_a_frame_above_the_size_of_a_message_is_refused_unread() -> None:
    with pytest.raises(LimitError):
        decode_frame_untrusted(bytes(1 << 20))


def test_clocks_of_a_log_may_go_back_and_stand_still() -> None:
    clocks = [HLC_MAX, HLC_MIN, HLC_MIN, NOW_MS << 16 | 7]
    records = [record(seq, hlc=hlc) for seq, hlc in enumerate(clocks, 1)]
    assert decode_frame_untrusted(frame_of(records)).records == records


@pytest.mark.parametrize("step", [1, -NOW_MS, -(1 << 47), 1 << 47])
def test_clocks_that_step_outside_their_range_are_refused(step: int) -> None:
    edge = HLC_MAX if step > 0 else NOW_MS << 16
    records = [record(1, hlc=edge & ~0xFFFF), record(2, hlc=edge & ~0xFFFF)]
    with pytest.raises((InvalidRecordError, ProtocolError)):
        decode_frame_untrusted(spliced(8, [step], frame_of(records)))


@pytest.mark.parametrize("hlc", [(1 << 32) - 1, 1 << 63])
def test_clocks_outside_their_range_are_refused(hlc: int) -> None:
    with pytest.raises((InvalidRecordError, ProtocolError)):
        decode_frame_untrusted(spliced(7, hlc >> 16, frame_of([record(1)])))


BROKEN: list[tuple[Sequence[Record], Sequence[tuple[int, bytes]]]] = [
    ([], []),
    ([record(seq) for seq in range(1, 258)], [(257, bytes(64))]),
    ([record(1), record(3)], [(3, bytes(64))]),
    ([record(1), record(2)], []),
    ([record(1, marked=False)], [(1, bytes(64))]),
    ([record(1), record(2)], [(1, bytes(64))]),
    ([record(2)], [(1, bytes(64)), (2, bytes(64))]),
    ([record(1), record(2)], [(2, bytes(64)), (2, bytes(64))]),
    ([record(1), record(2, hlc=HLC_MIN - 1)], [(2, bytes(64))]),
    ([record(1), record(2, hlc=HLC_MAX + 1)], [(2, bytes(64))]),
]


@pytest.mark.parametrize(("records", "signatures"), BROKEN)
def test_a_batch_that_no_peer_would_accept_is_not_encoded(
    records: Sequence[Record], signatures: Sequence[tuple[int, bytes]]
) -> None:
    with pytest.raises(ValueError):
        encode_frame(1, records, signatures)
