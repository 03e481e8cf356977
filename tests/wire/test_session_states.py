"""Sessions send and receive in each state exactly what the transition table allows."""

import pytest

from engram_wire import (
    TRANSITIONS,
    CloseCode,
    Goodbye,
    Input,
    LocalProtocolError,
    Message,
    MessageType,
    Session,
    State,
    WireError,
    encode_message,
)
from engram_wire._state import RECEIVE
from tests.wire.parties import (
    NOW_MS,
    ONE_OF_EACH,
    Pair,
    drain,
    frames_of,
    with_length,
)


def in_state(state: State) -> Session | None:
    """A session that rests in ``state``; None for states that pass within one call."""
    pair = Pair()
    if state is State.DIALLED:
        return pair.a
    if state is State.ACCEPTED:
        return pair.b
    pair.deliver_to_b(pair.a.start())
    if state is State.HELLO_SENT:
        return pair.a
    if state is State.ACK_SENT:
        return pair.b
    hello, ack = map(with_length, frames_of(pair.b.data_to_send()))
    pair.deliver_to_a(hello)
    if state is State.HELLO_ANSWERED:
        return pair.a
    pair.deliver_to_a(ack)
    pair.deliver_to_b(pair.a.data_to_send())
    if state in {State.GOODBYE_SENT, State.CLOSED}:
        goodbye = pair.b.send(Goodbye(CloseCode.OK), timestamp_ms=NOW_MS)
        if state is State.CLOSED:
            pair.deliver_to_a(goodbye)
            return pair.a
        return pair.b
    return pair.b if state is State.ESTABLISHED else None


RESTING = [state for state in State if in_state(state) is not None]


def test_only_states_in_which_we_act_ourselves_are_passed_within_a_call() -> None:
    passing = set(State) - set(RESTING)
    assert passing == {State.PEER_PROVEN, State.HELLO_RECEIVED, State.HELLO_RETURNED}


FIRST_BYTES = {
    MessageType.HELLO: b"\x84\x00",
    MessageType.HELLO_ACK: b"\x83\x01",
    **{kind: bytes((0x86, 1, kind)) for kind in MessageType if kind > 1},
}


@pytest.mark.parametrize("kind", MessageType)
@pytest.mark.parametrize("state", RESTING)
def test_a_session_receives_exactly_what_the_table_allows(state: State, kind: MessageType) -> None:
    session = in_state(state)
    assert session is not None
    assert session.state is state
    session.receive_data(with_length(FIRST_BYTES[kind] + b"\x00" * 90))
    if state is State.CLOSED:
        assert drain(session) == []
        return
    with pytest.raises(WireError) as caught:
        drain(session)
    # The frame is broken either way; when it is illegal nothing of it was looked at.
    illegal = RECEIVE[kind] not in TRANSITIONS[state]
    assert ("is not legal when the session is" in str(caught.value)) is illegal


@pytest.mark.parametrize("message", ONE_OF_EACH, ids=lambda message: type(message).__name__)
@pytest.mark.parametrize("state", RESTING)
def test_a_session_sends_exactly_what_the_table_allows(state: State, message: Message) -> None:
    session = in_state(state)
    assert session is not None
    kind = MessageType(encode_message(message)[0])
    if Input[f"SEND_{kind.name}"] in TRANSITIONS[state]:
        assert session.send(message, timestamp_ms=NOW_MS)
        return
    with pytest.raises(LocalProtocolError):
        session.send(message, timestamp_ms=NOW_MS)
    assert session.state is state
