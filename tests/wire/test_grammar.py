"""Real bytes follow ``wire/engram.cddl``, and bytes of a wrong form do not."""

import base64
import re
from collections.abc import Iterator

import pytest

import engram_wire
from engram_wire import (
    OPTIONAL,
    MessageType,
    Record,
    RecordKind,
    Superseded,
    body_of,
    cbor,
    encode_frame,
    encode_message,
    encode_superseded,
    parse_shape_untrusted,
)
from tests.wire.cddl import Grammar
from tests.wire.make_vectors import FOLDER
from tests.wire.parties import Pair, frame_of, frames_of, record, signed
from tests.wire.vector_records import CHARTER, DATA_RECORDS, INVITE, MEMBER_RECORDS, SCOPE
from tests.wire.vector_refusals import parts_refused
from tests.wire.vector_sessions import messages
from tests.wire.vector_values import ALICE, CHANNEL, NOW_MS, blob

TEXT = (FOLDER.parent / "engram.cddl").read_text(encoding="utf-8")
GRAMMAR = Grammar(TEXT)
STATEMENTS = {
    16: "charter",
    17: "admit",
    18: "set-role",
    19: "revoke",
    20: "leave",
    21: "epoch",
    22: "record-extension",
    23: "member-label",
}
RULES = {"hello": "hello", "hello ack": "hello-ack", "deps": "deps", "auth": "auth"} | {
    "payload": "payload",
    "frame": "frame",
    "edit": "edit",
}
SUPERSEDED: dict[int, str] = {
    RecordKind.EXTENSION: "record-extension",
    RecordKind.EXTENSION | OPTIONAL: "record-extension",
    RecordKind.DELETE: "superseded-by-delete",
    RecordKind.ERASE: "erased-records",
    RecordKind.SEAL: "sealed-logs",
    RecordKind.VOID: "voided-logs",
    RecordKind.RATIFY: "ratified-records",
    RecordKind.EDIT: "edit",
}

BEYOND_GRAMMAR = {
    # order, and each only once
    "versions out of order",
    "a version twice",
    "capabilities out of order",
    "a capability twice",
    "a capability both ways",
    "a clock out of order",
    "a log twice in a clock",
    "a dot twice",
    "clocks out of order",
    "the own log after another",
    "logs out of order",
    "ops out of order",
    "a delete that names a log twice",
    "an erase that names a record twice",
    "an erase out of order",
    "a seal that names a log twice",
    "a ratify that names a record twice",
    "spans out of order",
    "spans that overlap",
    "positions of a probe out of order",
    "a position twice in a probe",
    "ranges that overlap",
    "a range behind one without an end",
    "a range that ends before it begins",
    "parts out of order",
    "positions of a range out of order",
    "ids out of order",
    "an id twice",
    "context entries out of order",
    "marks out of order",
    "a clock that steps below its range",
    # one part of a message against another
    "an op above the number of puts",
    "an edit with an insert too few",
    "an edit that changes nothing",
    "a span beyond the last clock",
    "sealed logs with the digest of none",
    "a membership statement with dots",
    "a last record without a signature",
    "a signed offset outside the frame",
    "a mark outside the frame",
    "a mark that is signed",
    "two signatures for one offset",
    "the same shape twice",
    "a shape that is never used",
    "shapes not in the order of their first use",
    "a shape index for one shape",
    "no shape index for three shapes",
    "an engram column of 47 bytes",
    "a time step too many",
    "a column of dots cut short",
    "a time before the least",
    # a shorter spelling of the same
    "counters that are all zero, as a column",
    "no superseded dots, as a column",
    "no dots, spelled as an array",
    "a context entry that says nothing",
    # what a text holds, and shapes of kinds that may be anything
    "a capability with a line break",
    "a shape of no known form",
}


def rule_of(kind: int) -> str:
    """The name of a message in the grammar."""
    name = MessageType(kind).name.lower().replace("_", "-")
    return "credentials-page" if name == "credentials" else name


def test_everything_that_a_session_sends_follows_the_grammar() -> None:
    pair = Pair()
    pair.establish()
    for message in messages():
        if message.__class__.__name__ != "Goodbye":
            pair.deliver_to_b(pair.a.send(message, timestamp_ms=NOW_MS))
            pair.deliver_to_a(pair.b.send(message, timestamp_ms=NOW_MS))
    pair.deliver_to_b(pair.a.send(messages()[-1], timestamp_ms=NOW_MS))
    frames = [*frames_of(pair.to_a), *frames_of(pair.to_b)]
    assert len(frames) == 2 * (len(messages()) - 2) + 4 + 1
    for frame in frames:
        assert GRAMMAR.matches("stream-message", frame)
        assert not GRAMMAR.matches("stream-message", frame + b"\0")


@pytest.mark.parametrize("message", messages(), ids=lambda message: type(message).__name__)
def test_a_message_follows_the_rule_of_its_name_and_no_other(message: engram_wire.Message) -> None:
    kind, data = encode_message(message)
    twins = {MessageType.PING: MessageType.PONG, MessageType.PONG: MessageType.PING}
    for other in MessageType:
        follows = other in {kind, twins.get(MessageType(kind))}
        assert GRAMMAR.matches(rule_of(other), data) is follows


def batches() -> Iterator[list[Record]]:
    yield [record(1)]
    yield [record(seq) for seq in range(1, 257)]
    yield [record(seq, held=False) for seq in range(2, 5)]
    yield [record(1, hlc=1 << 40 | 5), record(2, collections=["r/title"], values=["Title"])]
    yield [record(1), record(2, superseded=encode_superseded([Superseded(0, b"l" * 32, 7)]))]


@pytest.mark.parametrize("records", list(batches()))
def test_frames_follow_the_grammar_with_each_column_in_each_form(records: list[Record]) -> None:
    every = [item.seq for item in records]
    for data in (frame_of(records), encode_frame(7, records, signed(records, at=every))):
        assert GRAMMAR.matches("frame", data)


@pytest.mark.parametrize("item", [*DATA_RECORDS, *MEMBER_RECORDS])
def test_a_record_follows_the_grammar_in_each_of_its_parts(item: Record) -> None:
    assert item.payload is not None
    assert GRAMMAR.matches("body", body_of(item))
    assert GRAMMAR.matches("payload", item.payload)
    kind = parse_shape_untrusted(item.shape).kind
    assert GRAMMAR.matches(STATEMENTS.get(kind, "data-shape"), item.shape[1:])
    rule = SUPERSEDED.get(kind, "superseded")
    assert GRAMMAR.matches(rule, item.superseded)


def test_what_is_hashed_or_signed_or_passed_on_by_hand_follows_the_grammar() -> None:
    charter = cbor.dump_canonical(CHARTER.statement())
    name = cbor.encode(["engram-sync/log/2", 0, SCOPE, ALICE.public_key, bytes(16)])
    body = base64.urlsafe_b64decode(INVITE.text().removeprefix("engram2.") + "==")[:-4]
    hello = cbor.encode([0, [2], [], bytes(32)])
    ack = cbor.encode([1, ALICE.public_key, bytes(64)])
    for rule, data in {
        "charter": charter,
        "log-name": name,
        "token": body,
        "grant": INVITE.grant.encode(),
        "signed-grant": INVITE.signed.encode(),
        "proof-of": cbor.encode([SCOPE, ALICE.public_key, CHANNEL]),
        "transcript-r": cbor.encode([CHANNEL, hello, hello, ALICE.public_key]),
        "transcript-i": cbor.encode([CHANNEL, ack, ALICE.public_key]),
    }.items():
        assert GRAMMAR.matches(rule, data), rule


def test_the_grammar_refuses_all_that_a_grammar_can() -> None:
    passed: set[str] = set()
    for row in parts_refused():
        reader = str(row["reader"])
        rule = RULES.get(reader)
        if reader == "message" and row["type"] in {*range(2, 21)}:
            rule = rule_of(int(str(row["type"])))
        if reader == "superseded":
            rule = SUPERSEDED.get(int(str(row["kind"])), "superseded")
        if rule is not None and GRAMMAR.matches(rule, blob(row, "hex")):
            passed.add(str(row["name"]))
    assert passed == BEYOND_GRAMMAR


LIMITS = [
    (match[0], line)
    for line in TEXT.splitlines()
    if not re.search(r"_MAX (-|>>) ", line)
    for match in re.finditer(r"\b[A-Z]+(_[A-Z]+)*_MAX\b", line.partition(";")[2])
    if len(re.findall(r"_MAX\b", line)) == 1 and re.search(r"\d", line)
]


@pytest.mark.parametrize(("name", "line"), LIMITS)
def test_a_limit_in_the_grammar_has_its_value(name: str, line: str) -> None:
    assert re.search(rf"(?<!\d){getattr(engram_wire, name)}(?!\d)", line)


@pytest.mark.parametrize(
    "text", ["a = b", "a = bstr\na = tstr", "a = { b: 1 }", "a = [bstr", "a bstr"]
)
def test_a_text_that_is_no_grammar_is_refused(text: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        Grammar(text)
