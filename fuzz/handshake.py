# Invariant: whatever a stranger sends, in whatever pieces, either side goes on waiting or raises
# WireError, and is established only by the very bytes that the holder of the key sent.

from collections.abc import Callable, Iterable

from engram_wire import HANDSHAKE_BYTES_MAX, Established, Session
from tests.wire.parties import Pair, drain_or_error, initiator, responder

from ._run import require

_PAIR = Pair()
_PAIR.establish()
_TOWARDS: list[tuple[Callable[[], Session], bytes]] = [
    (initiator, _PAIR.to_a),
    (responder, _PAIR.to_b),
]


def seeds() -> Iterable[bytes]:
    """A byte that chooses the side, and the stream towards it."""
    for side, (_, stream) in enumerate(_TOWARDS):
        yield bytes((side,)) + stream
        yield bytes((side,)) + stream[:43]
    yield b"\x00" + _PAIR.to_b
    yield b"\x01" + _PAIR.to_a


def check(data: bytes) -> None:
    make, honest = _TOWARDS[data[0] % 2 if data else 0]
    stream = data[1:]
    whole = feed(make(), [stream])
    step = 1 + len(stream) % 29
    pieces = [stream[at : at + step] for at in range(0, len(stream), step)]
    require(feed(make(), pieces) == whole, f"pieces of {step} give the same")
    if any(isinstance(event, Established) for event in whole):
        require(stream.startswith(honest), "only the honest bytes establish a session")


def feed(session: Session, pieces: list[bytes]) -> list[object]:
    sent = len(session.start())
    events: list[object] = []
    for piece in pieces:
        session.receive_data(piece)
        events += drain_or_error(session)
        sent += len(session.data_to_send())
        if events and isinstance(events[-1], type):
            break
    established = any(isinstance(event, Established) for event in events)
    require((session.peer is not None) == established, "a peer is known only when proven")
    require(sent <= HANDSHAKE_BYTES_MAX, "a stranger gets little in return")
    return events
