"""SPEC.md says what the code does."""

import re
from pathlib import Path

import pytest

import engram_wire
from engram_wire import TRANSITIONS, CloseCode, MessageType, State
from engram_wire._digests import PERSON_CLOCK, PERSON_POSITION, PERSON_RANGE, PERSON_SEALED
from engram_wire.envelope import DOMAIN_ENVELOPE, PERSON_ENVELOPE
from engram_wire.handshake import DOMAIN_HANDSHAKE, PERSON_TRANSCRIPT
from engram_wire.records import (
    DOMAIN_RECORD,
    PERSON_BRANCH,
    PERSON_LOG,
    PERSON_PAYLOAD,
    PERSON_RECORD,
)

SPEC = (Path(__file__).parents[2] / "wire" / "SPEC.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in SPEC.splitlines()
    if line.startswith("| ")
]


def test_the_state_table_is_the_one_in_the_code() -> None:
    states = {state.value: state for state in State}
    written: dict[State, dict[str, State]] = {state: {} for state in State}
    for row in ROWS:
        if row[0] not in states or row[1] == "none" or len(row) != 3:
            continue
        for event in row[1].split(", "):
            written[states[row[0]]][event] = states[row[2]]
    assert written == {
        state: {event.value: after for event, after in cells.items()}
        for state, cells in TRANSITIONS.items()
    }


LIMITS = [(row[0], row[1]) for row in ROWS if re.fullmatch(r"[A-Z_]+_(MAX|MIN|S)", row[0])]


@pytest.mark.parametrize(("name", "value"), LIMITS)
def test_every_limit_has_the_value_in_the_code(name: str, value: str) -> None:
    assert str(getattr(engram_wire, name)) == value


def test_every_limit_in_the_code_is_written_down() -> None:
    derived = {
        "CBOR_VALUE_BYTES_MAX",  # the size of a message
        "PAYLOAD_OF_MESSAGE_BYTES_MAX",  # a message without its envelope
        "SUPERSEDED_BYTES_MAX",  # follows from the numbers of inserts and spans
        "MEMBERSHIP_KIND_MIN",  # in the table of kinds
    }
    names = {name for name in engram_wire.__all__ if re.fullmatch(r"[A-Z_]+_(MAX|MIN|S)", name)}
    assert names - derived == {name for name, _ in LIMITS}


def test_every_message_and_close_code_is_written_down_with_its_number() -> None:
    rows = {(row[0], row[1]) for row in ROWS}
    for kind in MessageType:
        if kind > MessageType.HELLO_ACK:
            name = "".join(word.capitalize() for word in kind.name.split("_"))
            assert (str(int(kind)), name) in rows
    assert {(str(int(code)), code.name) for code in CloseCode} <= rows


@pytest.mark.parametrize(
    "word",
    [
        PERSON_BRANCH,
        PERSON_CLOCK,
        PERSON_ENVELOPE,
        PERSON_LOG,
        PERSON_PAYLOAD,
        PERSON_POSITION,
        PERSON_RANGE,
        PERSON_RECORD,
        PERSON_SEALED,
        PERSON_TRANSCRIPT,
        DOMAIN_ENVELOPE,
        DOMAIN_HANDSHAKE,
        DOMAIN_RECORD,
    ],
)
def test_every_domain_string_is_written_down(word: bytes) -> None:
    assert word.decode().replace("\0", "\\0") in SPEC
