"""How far a log counts whose author may not write any more, and what it erases of others."""

from collections.abc import Callable

from engram_wire import decode_auth_untrusted

from ._logs import LogState
from ._registry import Registry
from ._views import History, Rules


def counts_until(
    registry: Registry, rules: Rules, history: History, log: LogState, begins: Callable[[], bytes]
) -> int:
    """The last position of a log that counts, as far as is known now; ``SEQ_MAX`` for all of it.

    Args:
        registry: All logs.
        rules: What leaders have cut off.
        history: The store.
        log: The log.
        begins: The membership heads, encoded, that the first record of its family relies on.
    """

    def within(seq: int, head: bytes) -> int:
        place = history.position_of(log.scope, head)
        if place is None:
            return seq  # Whose continuation it is, is not known yet.
        number, held = place
        return held if log in registry.by_number(number).path() else 0

    def heads() -> tuple[bytes, ...]:
        return decode_auth_untrusted(begins()) or ()

    return rules.counts_until(log.scope, log.author, log.root, heads, within)


def begins_with(log: LogState, history: History) -> bytes:
    """The membership heads, encoded, that the first record held of a log's family relies on."""
    return history.records(log.owner(1).n, 1, 1)[0].auth
