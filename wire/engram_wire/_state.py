"""The state machine of a session: one table, and nothing else decides what is legal.

Two rules, after h11: everything that affects the state stands in this file, and this file does
not know which side we are.  A session starts in ``DIALLED`` or ``ACCEPTED`` and from there both
sides obey the same table.  A cell that is missing is an error: the peer's for an input it sent,
ours for one that we were about to send.
"""

from enum import Enum
from types import MappingProxyType
from typing import Final

from ._limits import HANDSHAKE_BYTES_MAX, MESSAGE_BYTES_MAX
from ._message_types import MessageType


class State(Enum):
    """Where a session stands."""

    DIALLED = "dialled"
    """Initiator, before its Hello."""
    HELLO_SENT = "hello sent"
    """Initiator, before the responder's Hello."""
    HELLO_ANSWERED = "hello answered"
    """Initiator, before the responder's HelloAck."""
    PEER_PROVEN = "peer proven"
    """Initiator, which knows the responder but has not said who it is itself."""
    ACCEPTED = "accepted"
    """Responder, before the initiator's Hello."""
    HELLO_RECEIVED = "hello received"
    """Responder, before its own Hello."""
    HELLO_RETURNED = "hello returned"
    """Responder, before its HelloAck."""
    ACK_SENT = "ack sent"
    """Responder, before the initiator's HelloAck."""
    ESTABLISHED = "established"
    """Both sides are proven; messages flow."""
    GOODBYE_SENT = "goodbye sent"
    """We have said our last message and only listen."""
    CLOSED = "closed"
    """Nothing is sent and whatever arrives is dropped."""


class Input(Enum):
    """What can happen to a session."""

    SEND_HELLO = "send Hello"
    SEND_HELLO_ACK = "send HelloAck"
    SEND_SYNC_REQUEST = "send SyncRequest"
    SEND_SYNC_RESPONSE = "send SyncResponse"
    SEND_SYNC_ACK = "send SyncAck"
    SEND_JOIN_REQUEST = "send JoinRequest"
    SEND_JOIN_RESPONSE = "send JoinResponse"
    SEND_PING = "send Ping"
    SEND_PONG = "send Pong"
    SEND_GOODBYE = "send Goodbye"
    SEND_CONFLICT_NOTIFICATION = "send ConflictNotification"
    SEND_CONFLICT_RESOLUTION = "send ConflictResolution"
    SEND_LEAVE_NOTIFICATION = "send LeaveNotification"
    SEND_PAYLOAD_REQUEST = "send PayloadRequest"
    SEND_PAYLOAD_RESPONSE = "send PayloadResponse"
    SEND_PROBE = "send Probe"
    SEND_PROBE_RESPONSE = "send ProbeResponse"
    SEND_RANGE_REQUEST = "send RangeRequest"
    SEND_RANGE_RESPONSE = "send RangeResponse"
    SEND_EXTENSION = "send Extension"
    SEND_CREDENTIALS = "send Credentials"
    SEND_REFUSAL_NOTIFICATION = "send RefusalNotification"
    RECEIVE_HELLO = "receive Hello"
    RECEIVE_HELLO_ACK = "receive HelloAck"
    RECEIVE_SYNC_REQUEST = "receive SyncRequest"
    RECEIVE_SYNC_RESPONSE = "receive SyncResponse"
    RECEIVE_SYNC_ACK = "receive SyncAck"
    RECEIVE_JOIN_REQUEST = "receive JoinRequest"
    RECEIVE_JOIN_RESPONSE = "receive JoinResponse"
    RECEIVE_PING = "receive Ping"
    RECEIVE_PONG = "receive Pong"
    RECEIVE_GOODBYE = "receive Goodbye"
    RECEIVE_CONFLICT_NOTIFICATION = "receive ConflictNotification"
    RECEIVE_CONFLICT_RESOLUTION = "receive ConflictResolution"
    RECEIVE_LEAVE_NOTIFICATION = "receive LeaveNotification"
    RECEIVE_PAYLOAD_REQUEST = "receive PayloadRequest"
    RECEIVE_PAYLOAD_RESPONSE = "receive PayloadResponse"
    RECEIVE_PROBE = "receive Probe"
    RECEIVE_PROBE_RESPONSE = "receive ProbeResponse"
    RECEIVE_RANGE_REQUEST = "receive RangeRequest"
    RECEIVE_RANGE_RESPONSE = "receive RangeResponse"
    RECEIVE_EXTENSION = "receive Extension"
    RECEIVE_CREDENTIALS = "receive Credentials"
    RECEIVE_REFUSAL_NOTIFICATION = "receive RefusalNotification"
    FAIL = "fail"
    """The peer's bytes, or a signature, are not what they must be."""


SEND: Final = MappingProxyType({kind: Input[f"SEND_{kind.name}"] for kind in MessageType})
RECEIVE: Final = MappingProxyType({kind: Input[f"RECEIVE_{kind.name}"] for kind in MessageType})

_ENVELOPED = [k for k in MessageType if k not in {MessageType.HELLO, MessageType.HELLO_ACK}]
_SENDS_AND_STAYS = {SEND[kind]: State.ESTABLISHED for kind in _ENVELOPED}

TRANSITIONS: Final[dict[State, dict[Input, State]]] = {
    State.DIALLED: {
        Input.SEND_HELLO: State.HELLO_SENT,
        Input.FAIL: State.CLOSED,
    },
    State.HELLO_SENT: {
        Input.RECEIVE_HELLO: State.HELLO_ANSWERED,
        Input.FAIL: State.CLOSED,
    },
    State.HELLO_ANSWERED: {
        Input.RECEIVE_HELLO_ACK: State.PEER_PROVEN,
        Input.FAIL: State.CLOSED,
    },
    State.PEER_PROVEN: {
        Input.SEND_HELLO_ACK: State.ESTABLISHED,
        Input.FAIL: State.CLOSED,
    },
    State.ACCEPTED: {
        Input.RECEIVE_HELLO: State.HELLO_RECEIVED,
        Input.FAIL: State.CLOSED,
    },
    State.HELLO_RECEIVED: {
        Input.SEND_HELLO: State.HELLO_RETURNED,
        Input.FAIL: State.CLOSED,
    },
    State.HELLO_RETURNED: {
        Input.SEND_HELLO_ACK: State.ACK_SENT,
        Input.FAIL: State.CLOSED,
    },
    State.ACK_SENT: {
        Input.RECEIVE_HELLO_ACK: State.ESTABLISHED,
        Input.FAIL: State.CLOSED,
    },
    State.ESTABLISHED: {
        **_SENDS_AND_STAYS,
        **{RECEIVE[kind]: State.ESTABLISHED for kind in _ENVELOPED},
        Input.SEND_GOODBYE: State.GOODBYE_SENT,
        Input.RECEIVE_GOODBYE: State.CLOSED,
        Input.FAIL: State.CLOSED,
    },
    State.GOODBYE_SENT: {
        **{RECEIVE[kind]: State.GOODBYE_SENT for kind in _ENVELOPED},
        Input.RECEIVE_GOODBYE: State.CLOSED,
        Input.FAIL: State.CLOSED,
    },
    State.CLOSED: {},
}


def next_state(state: State, event: Input) -> State | None:
    """The state after ``event``; None when it is illegal in ``state``."""
    return TRANSITIONS[state].get(event)


def frame_bytes_max(state: State) -> int:
    """The largest frame to read in ``state``: small until the peer is proven."""
    if Input.RECEIVE_GOODBYE in TRANSITIONS[state]:
        return MESSAGE_BYTES_MAX
    return HANDSHAKE_BYTES_MAX
