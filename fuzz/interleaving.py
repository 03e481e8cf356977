# Invariant: whatever two sessions say, in whatever order, pieces and time, and however the link
# cuts, damages or repeats, each hears a prefix of what the other said, the same byte by byte.

from collections.abc import Iterable

from engram_wire import Role
from tests.wire.session_world import OK_GOODBYE, World
from tests.wire.test_messages import EXAMPLES

_ROLES = tuple(Role)
_STEPS_MAX = 64


DELIVER, FLUSH, SEND, WAIT, DAMAGE, REPEAT, CUT, BYE = range(8)


def _step(world: World, what: int, role: Role, number: int) -> None:
    match what:
        case 0:
            world.deliver(role, 1 + number % 400)
        case 1:
            world.deliver(role, 1 << 20)
        case 2:
            world.send(role, EXAMPLES[number % len(EXAMPLES)])
        case 3:
            world.wait(number - (1 << 15))
        case 4:
            world.damage(role, number >> 3, 1 << (number & 7))
        case 5:
            world.repeat(role, number % 4096)
        case 6:
            world.cut()
        case _:
            world.send(role, OK_GOODBYE)


def script(*steps: tuple[int, int, int]) -> bytes:
    """Steps of (what, who, number) in three bytes each."""
    return b"".join(
        bytes((what << 1 | who,)) + number.to_bytes(2, "big") for what, who, number in steps
    )


_ESTABLISH = [(FLUSH, 1, 0), (FLUSH, 0, 0), (FLUSH, 1, 0)]
_TALK = [(SEND, number % 2, number) for number in range(len(EXAMPLES))]


def seeds() -> Iterable[bytes]:
    yield script(*_ESTABLISH, *_TALK)
    yield script(*_ESTABLISH, *_TALK, (FLUSH, 0, 0), (BYE, 1, 0), (BYE, 0, 0))
    yield script(*[(DELIVER, at % 2, 30) for at in range(40)])
    yield script(*_ESTABLISH, (SEND, 0, 9), (DAMAGE, 1, 160), (FLUSH, 1, 0), (FLUSH, 0, 0))
    yield script(*_ESTABLISH, (SEND, 0, 7), (FLUSH, 1, 0), (REPEAT, 1, 400), (FLUSH, 1, 0))
    yield script(*_ESTABLISH, *_TALK[:4], (CUT, 0, 0), *_ESTABLISH, (WAIT, 0, 1), *_TALK[:4])
    yield script((DAMAGE, 1, 300), *_ESTABLISH)


def check(data: bytes) -> None:
    world = World()
    for at in range(0, min(len(data), 3 * _STEPS_MAX) - 2, 3):
        step, number = data[at], int.from_bytes(data[at + 1 : at + 3], "big")
        _step(world, step >> 1 & 7, _ROLES[step & 1], number)
    world.settle()
