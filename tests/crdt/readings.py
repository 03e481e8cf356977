"""Elements, and what strategies show of them, for tests."""

from engram_crdt import Context, Dot, Element, StrategyRegistry
from tests.crdt.strategies import A

REGISTRY = StrategyRegistry()


def element(
    value: bytes | None, *, log: bytes = A, clock: int = 0, hlc: int = 1, collection: str = "r/x"
) -> Element:
    return Element(collection, Dot(log, clock), hlc, value, bytes(32), 1)


def shown(name: str, *found: Element, context: Context | None = None) -> list[bytes | None]:
    context = context or Context()
    return [each.value for each in REGISTRY.resolve(name, found, context).shown]


def largest(one: bytes, two: bytes) -> bytes:
    return max(one, two)
