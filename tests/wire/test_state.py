"""The whole table: every state times every input."""

import pytest

from engram_wire import TRANSITIONS, Input, State
from engram_wire._state import frame_bytes_max, next_state

HANDSHAKE = {
    (State.DIALLED, Input.SEND_HELLO): State.HELLO_SENT,
    (State.HELLO_SENT, Input.RECEIVE_HELLO): State.HELLO_ANSWERED,
    (State.HELLO_ANSWERED, Input.RECEIVE_HELLO_ACK): State.PEER_PROVEN,
    (State.PEER_PROVEN, Input.SEND_HELLO_ACK): State.ESTABLISHED,
    (State.ACCEPTED, Input.RECEIVE_HELLO): State.HELLO_RECEIVED,
    (State.HELLO_RECEIVED, Input.SEND_HELLO): State.HELLO_RETURNED,
    (State.HELLO_RETURNED, Input.SEND_HELLO_ACK): State.ACK_SENT,
    (State.ACK_SENT, Input.RECEIVE_HELLO_ACK): State.ESTABLISHED,
}
MESSAGES = [
    "SYNC_REQUEST",
    "SYNC_RESPONSE",
    "SYNC_ACK",
    "JOIN_REQUEST",
    "JOIN_RESPONSE",
    "PING",
    "PONG",
    "CONFLICT_NOTIFICATION",
    "CONFLICT_RESOLUTION",
    "LEAVE_NOTIFICATION",
    "PAYLOAD_REQUEST",
    "PAYLOAD_RESPONSE",
    "PROBE",
    "PROBE_RESPONSE",
    "RANGE_REQUEST",
    "RANGE_RESPONSE",
    "EXTENSION",
    "CREDENTIALS",
    "REFUSAL_NOTIFICATION",
]
ENDS = {
    (State.ESTABLISHED, Input.SEND_GOODBYE): State.GOODBYE_SENT,
    (State.ESTABLISHED, Input.RECEIVE_GOODBYE): State.CLOSED,
    (State.GOODBYE_SENT, Input.RECEIVE_GOODBYE): State.CLOSED,
}


def expected(state: State, event: Input) -> State | None:
    """What SPEC.md says, written another way than the table."""
    if event is Input.FAIL:
        return None if state is State.CLOSED else State.CLOSED
    if (state, event) in HANDSHAKE | ENDS:
        return (HANDSHAKE | ENDS)[state, event]
    direction, _, message = event.name.partition("_")
    if message in MESSAGES and state is State.ESTABLISHED:
        return state
    if message in MESSAGES and state is State.GOODBYE_SENT and direction == "RECEIVE":
        return state
    return None


@pytest.mark.parametrize("event", Input)
@pytest.mark.parametrize("state", State)
def test_every_cell_of_the_table(state: State, event: Input) -> None:
    assert next_state(state, event) is expected(state, event)


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    reached = {State.DIALLED, State.ACCEPTED}
    while more := {after for state in reached for after in TRANSITIONS[state].values()} - reached:
        reached |= more
    assert reached == set(State) == set(TRANSITIONS)


@pytest.mark.parametrize("state", State)
def test_large_frames_are_read_only_from_a_proven_peer(state: State) -> None:
    proven = state in {State.ESTABLISHED, State.GOODBYE_SENT}
    assert frame_bytes_max(state) == (1 << 20 if proven else 4 << 10)
