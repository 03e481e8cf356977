# Invariant: whatever a proven peer sends, signed or not and in whatever pieces, the session yields
# events or raises WireError, the pieces do not change which, and after an error it stays closed.

import copy
from collections.abc import Iterable

from engram_wire import Session, State, encode_message
from engram_wire.envelope import Envelope, EnvelopeContext, seal
from engram_wire.handshake import Role
from tests.wire.parties import ALICE, NOW_MS, drain_or_error, established, with_length
from tests.wire.test_messages import EXAMPLES

from ._run import require

_PAIR = established()
_MESSAGES = [encode_message(message) for message in EXAMPLES]
_RAW, _FRAMED, _SEALED, _HONEST = range(4)


def step(kind: int, argument: int, content: bytes) -> bytes:
    return bytes((kind, argument)) + len(content).to_bytes(2, "big") + content


def seeds() -> Iterable[bytes]:
    """A script: kind of step, argument, size, content."""
    yield b"".join(step(_HONEST, index, b"") for index in range(len(_MESSAGES)))
    for kind, payload in _MESSAGES:
        yield step(_HONEST, 7, b"") + step(_SEALED, kind, payload) + step(_HONEST, 8, b"")
    yield step(_HONEST, 7, b"") + step(_FRAMED, 0, b"\x86\x01\x07" + bytes(90))
    yield step(_RAW, 0, b"\x00\x10\x00\x01") + step(_RAW, 0, b"\x00\x00\x00\x00")


def stream_of(script: bytes) -> bytes:
    """What Alice sends when she follows the script."""
    require(_PAIR.a.session_id is not None, "the pair is established")
    counter = 0
    stream = bytearray()
    while len(script) >= 4 and counter < 32:
        kind, argument, size = script[0] % 4, script[1], int.from_bytes(script[2:4], "big")
        content, script = script[4 : 4 + size], script[4 + size :]
        if kind == _RAW:
            stream += content
        elif kind == _FRAMED:
            stream += with_length(content)
        else:
            number, payload = argument % 24, content
            if kind == _HONEST:
                number, payload = _MESSAGES[argument % len(_MESSAGES)]
            place = EnvelopeContext(_PAIR.a.session_id or b"", Role.INITIATOR, counter)
            stream += with_length(seal(ALICE, place, Envelope(number, NOW_MS, payload)))
            counter += 1
    return bytes(stream)


def check(data: bytes) -> None:
    stream = stream_of(data)
    whole = feed([stream])
    size = 1 + len(stream) % 97
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    require(feed(pieces) == whole, f"pieces of {size} give the same")


def feed(pieces: list[bytes]) -> list[object]:
    session: Session = copy.deepcopy(_PAIR.b)
    events: list[object] = []
    for piece in pieces:
        session.receive_data(piece)
        events += drain_or_error(session)
        if events and isinstance(events[-1], type):
            _check_failed(session, events[-1])
            break
    return events


def _check_failed(session: Session, error: type) -> None:
    require(session.state is State.CLOSED, "an error closes the session")
    require(len(session.data_to_send()) < 256, "one Goodbye is all that is said")
    session.receive_data(b"more")
    require(drain_or_error(session) == [error], "the error stays the same")
