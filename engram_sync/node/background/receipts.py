"""Which members say that they hold an erasure: claims, noted as they are made."""

from collections.abc import Collection, Iterable, Mapping
from functools import partial

from engram_sync.errors import EngramError
from engram_sync.node.core import Core
from engram_sync.node.writing.write_path import WritePath
from engram_sync.observe import Logger
from engram_sync.store import Reader, Transaction
from engram_sync.sync import Exchange

log = Logger("background")
Position = tuple[bytes, int]
"""(log, seq)."""


async def note_claims(
    core: Core, scopes: Iterable[bytes], exchanges: Mapping[bytes, Exchange]
) -> None:
    """Write down what connected members say of the erasures that they have not confirmed.

    Args:
        core: The node.
        scopes: The scopes that are shared with anybody.
        exchanges: By the peer's key.
    """
    numbers = {scope: core.scopes[scope].number for scope in scopes}
    try:
        missing = await core.read(
            lambda reader: {
                scope: _unconfirmed(reader, number, exchanges.keys())
                for scope, number in numbers.items()
            }
        )
    except EngramError as error:
        log.warning("receipts cannot be looked at", reason=error.message)
        return
    for scope, by_key in missing.items():
        for key, positions in by_key.items():
            held = exchanges[key].held(scope)
            news = [(own, seq) for own, seq in positions if held.get(own, 0) >= seq]
            if news:
                await _note(core, scope, key, news)


async def _note(core: Core, scope: bytes, key: bytes, news: Collection[Position]) -> None:
    now_ms = core.environment.clock.now_ms()
    try:
        await core.write(partial(_confirm, core, scope, key, news, now_ms))
    except EngramError as error:
        # The claim is made again with the next acknowledgement.
        log.warning("a receipt cannot be noted", reason=error.message)


def _confirm(
    core: Core,
    scope: bytes,
    key: bytes,
    news: Collection[Position],
    now_ms: int,
    tx: Transaction,
) -> None:
    note_receipts(core.path, tx, scope, key, news, now_ms)


def _unconfirmed(
    reader: Reader, scope: int, keys: Collection[bytes]
) -> dict[bytes, list[Position]]:
    """The erasures of a scope that each of ``keys`` has not confirmed."""
    lacking = {key: reader.not_confirmed(scope, key) for key in keys}
    numbers = {number for some in lacking.values() for number, _ in some}
    ids = {number: row.id for number in numbers if (row := reader.log(number)) is not None}
    return {
        key: [(ids[number], seq) for number, seq in some if number in ids]
        for key, some in lacking.items()
        if some
    }


def note_receipts(
    path: WritePath,
    tx: Transaction,
    scope: bytes,
    key: bytes,
    positions: Iterable[tuple[bytes, int]],
    now_ms: int,
) -> int:
    """Remember which erasures a member says it holds; returns how many are news.

    Args:
        path: The write path.
        tx: The transaction.
        scope: Id of the scope.
        key: The member's public key.
        positions: (log id, seq) that it has acknowledged.
        now_ms: Wall time.
    """
    number = path.ledger.scope_number(scope)
    held: dict[int, int] = {}
    for log, seq in positions:
        state = path.ledger.log_by_id(scope, log)
        for part in state.path() if state is not None else ():
            held[part.n] = max(held.get(part.n, 0), min(seq, part.seq))
    own, news = path.key, 0
    for log_number, upto in held.items():
        for seq in tx.unconfirmed(number, log_number, upto, key, own):
            tx.put_receipt(number, log_number, seq, key, now_ms)
            news += 1
    return news
