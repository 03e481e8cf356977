"""Compression: used when both offer it, for records only, and never a way to make a peer work."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_wire import (
    COMPRESSED_BYTES_MIN,
    DECODE_RATIO_MAX,
    PAYLOAD_OF_MESSAGE_BYTES_MAX,
    ZSTD,
    LimitError,
    Message,
    PayloadResponse,
    Ping,
    ProtocolError,
    Session,
    State,
    Summary,
    SyncResponse,
    SyncStatus,
    VersionError,
    WireError,
    available_capabilities,
    encode_message,
)
from engram_wire import _compression as compression
from engram_wire.envelope import Envelope, EnvelopeContext, seal
from engram_wire.handshake import Role
from tests.wire.parties import (
    ALICE,
    DIGEST,
    NOW_MS,
    Pair,
    drain,
    initiator,
    refused,
    responder,
    with_length,
)

TEXT = b" ".join(b"%d" % (n * n) for n in range(2000))
RECORDS: list[Message] = [
    SyncResponse(1, SyncStatus.DATA, frame=TEXT),
    PayloadResponse(1, ((b"l" * 32, 4, TEXT), (b"m" * 32, 5, None))),
]


def connected(a: Sequence[str] = (ZSTD,), b: Sequence[str] = (ZSTD,)) -> Pair:
    pair = Pair(initiator(capabilities=a), responder(capabilities=b))
    pair.establish()
    return pair


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    compression._library.cache_clear()
    yield
    monkeypatch.undo()
    compression._library.cache_clear()


# ---- old and new ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "common"),
    [
        ([], [], set[str]()),
        ([ZSTD], [], set[str]()),
        ([], [ZSTD], set[str]()),
        ([ZSTD], [ZSTD], {ZSTD}),
        ([ZSTD, "later"], [ZSTD], {ZSTD}),
        ([ZSTD], ["later", ZSTD], {ZSTD}),
        (["!zstd"], [ZSTD], {ZSTD}),
        (["!zstd"], ["!zstd", "later"], {ZSTD}),
    ],
)
def test_old_and_new_nodes_use_what_both_offer(
    a: list[str], b: list[str], common: set[str]
) -> None:
    pair = Pair(initiator(capabilities=a), responder(capabilities=b))
    for events in pair.establish():
        (established,) = events
        assert established.capabilities == common  # type: ignore[union-attr]  # the first event
    for message in RECORDS:
        data = pair.a.send(message, timestamp_ms=NOW_MS)
        assert (len(data) < len(TEXT)) is (ZSTD in common)
        assert pair.deliver_to_b(data) == [message]
        assert pair.deliver_to_a(pair.b.send(message, timestamp_ms=NOW_MS)) == [message]


@pytest.mark.parametrize(
    ("a", "b"),
    [(["!later"], []), ([], ["!later"]), (["!zstd"], []), ([ZSTD, "!later"], [ZSTD, "!more"])],
)
def test_who_insists_on_what_the_other_lacks_is_not_talked_to(a: list[str], b: list[str]) -> None:
    one, other = initiator(capabilities=a), responder(capabilities=b)
    other.receive_data(one.start())
    with pytest.raises(VersionError):
        drain(other)
    assert other.state is State.CLOSED
    assert other.data_to_send() == b""
    # The other way round: the side that hears the answer finds out by itself too.
    hello = responder(capabilities=b)
    hello.receive_data(initiator(capabilities=b, nonce=b"3" * 32).start())
    drain(hello)
    one.receive_data(hello.data_to_send())
    with pytest.raises(VersionError):
        drain(one)


def test_a_capability_stands_in_a_hello_once() -> None:
    with pytest.raises(ValueError):
        initiator(capabilities=["later", "!later"])


# ---- what is compressed --------------------------------------------------------------------------


def test_small_messages_and_those_without_records_are_sent_as_they_are() -> None:
    pair, plain = connected(), connected([], [])
    summaries = ((b"s" * 32, Summary(DIGEST, DIGEST, 3)),) * 40
    for message in (
        Ping(1, summaries),
        SyncResponse(1, SyncStatus.DATA, frame=TEXT[: COMPRESSED_BYTES_MIN - 20]),
    ):
        data = pair.a.send(message, timestamp_ms=NOW_MS)
        assert len(data) == len(plain.a.send(message, timestamp_ms=NOW_MS))
        assert pair.deliver_to_b(data) == [message]


NOISE = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(40))


@pytest.mark.parametrize("frame", [bytes(1 << 19), NOISE], ids=["alike", "noise"])
def test_what_would_grow_too_much_or_not_shrink_is_sent_as_it_is(frame: bytes) -> None:
    pair = connected()
    message = SyncResponse(1, SyncStatus.DATA, frame=frame)
    data = pair.a.send(message, timestamp_ms=NOW_MS)
    assert len(data) > len(frame)
    assert pair.deliver_to_b(data) == [message]


@given(st.binary(max_size=2000), st.integers(1, 40))
def test_every_message_that_is_compressed_comes_out_the_same(data: bytes, times: int) -> None:
    payload = encode_message(SyncResponse(1, SyncStatus.DATA, frame=data * times))[1]
    packed = compression.compressed(payload)
    if packed is not None:
        assert len(packed) < len(payload) <= DECODE_RATIO_MAX * len(packed)
        assert compression.expand_untrusted(packed) == payload


def test_no_message_depends_on_one_before_it() -> None:
    pair = connected()
    first, second = (len(pair.a.send(RECORDS[0], timestamp_ms=NOW_MS)) for _ in range(2))
    assert first == second


# ---- what is refused -----------------------------------------------------------------------------


def sealed(pair: Pair, kind: int, payload: bytes) -> bytes:
    place = EnvelopeContext(pair.a.session_id or b"", Role.INITIATOR, 0)
    return with_length(seal(ALICE, place, Envelope(kind, NOW_MS, payload, compressed=True)))


def packed(message: Message) -> tuple[int, bytes]:
    kind, payload = encode_message(message)
    data = compression.compressed(payload)
    assert data is not None
    return kind, data


def test_compression_that_was_not_agreed_on_is_refused() -> None:
    for a, b in (((), ()), ((ZSTD,), ()), ((), (ZSTD,))):
        pair = connected(a, b)
        refused(pair, sealed(pair, *packed(RECORDS[0])), VersionError)


def test_a_message_of_another_type_is_never_compressed() -> None:
    pair = connected()
    summaries = tuple((bytes((n,)) * 32, Summary(DIGEST, DIGEST, n)) for n in range(40))
    refused(pair, sealed(pair, *packed(Ping(1, summaries))), ProtocolError)


def test_what_comes_out_is_checked_like_any_message() -> None:
    pair = connected()
    data = compression.compressed(encode_message(RECORDS[0])[1] + b"\0")
    assert data is not None
    refused(pair, sealed(pair, 3, data), ProtocolError)


def test_a_session_decodes_no_more_than_its_budget_for_each_byte() -> None:
    library = compression._library()
    assert library is not None
    for size in (COMPRESSED_BYTES_MIN * 100, PAYLOAD_OF_MESSAGE_BYTES_MAX, 1 << 24):
        pair = connected()
        bomb = library.ZstdCompressor().compress(bytes(size))
        assert len(bomb) * DECODE_RATIO_MAX < size
        refused(pair, sealed(pair, 3, bomb), LimitError)


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(1, 255))
def test_whatever_the_bytes_they_expand_within_the_budget_or_are_refused(
    tail: bytes, at: int, mask: int
) -> None:
    _, honest = packed(RECORDS[0])
    changed = bytearray(honest)
    changed[at] ^= mask
    for data in (tail, honest[:8] + tail, bytes(changed)):
        try:
            assert len(compression.expand_untrusted(data)) <= DECODE_RATIO_MAX * len(data)
        except WireError:
            continue


# ---- without the library -------------------------------------------------------------------------


@pytest.mark.usefixtures("without_library")
def test_without_the_library_nothing_is_offered_and_sessions_work() -> None:
    assert available_capabilities() == ()
    with pytest.raises(ValueError, match="zstd"):
        connected()
    with pytest.raises(ValueError, match="zstd"):
        connected(["!zstd"])
    pair = connected(available_capabilities(), available_capabilities())
    assert pair.deliver_to_b(pair.a.send(RECORDS[0], timestamp_ms=NOW_MS)) == [RECORDS[0]]
    assert compression.compressed(TEXT) is None
    with pytest.raises(ProtocolError):
        compression.expand_untrusted(compression._MAGIC + TEXT)


def test_with_the_library_zstd_is_offered() -> None:
    assert available_capabilities() == (ZSTD,)
    assert isinstance(initiator(capabilities=available_capabilities()), Session)


def test_the_library_is_not_loaded_before_it_is_asked_for() -> None:
    program = "import sys, engram_wire; sys.exit('zstandard' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
