"""Port 0 takes any free port, and then stays that one: whoever knows this node dials it again."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import cast

from engram_sync.errors import LocalError
from engram_sync.node.core import Core
from engram_sync.transport import Address
from engram_wire import WireError, cbor

_PORTS = "ports"
"""In meta: the addresses that were asked for, and the ports that were taken for them."""


async def with_ports(core: Core, listen: Sequence[Address]) -> Sequence[Address]:
    """The addresses to listen on, with the ports of the last time in place of 0."""
    data = await core.read(lambda reader: reader.meta(_PORTS)) if _any(listen) else None
    if data is None:
        return listen
    try:
        asked, taken = cast(tuple[list[str], list[int]], cbor.decode_untrusted(data))
    except (WireError, ValueError, TypeError):
        return listen
    if asked != [str(address) for address in listen]:
        return listen
    return [replace(address, port=port) for address, port in zip(listen, taken, strict=True)]


async def note_ports(core: Core, listen: Sequence[Address], taken: Sequence[Address]) -> None:
    """Remember which ports were taken for the addresses that were asked for."""
    if not _any(listen) or len(taken) != len(listen):
        return  # A host name may stand for several addresses.
    data = cbor.encode([[str(address) for address in listen], [each.port for each in taken]])
    with suppress(LocalError):  # Another port next time is no reason not to go on line.
        if await core.read(lambda reader: reader.meta(_PORTS)) != data:
            await core.write(lambda tx: tx.put_meta(_PORTS, data))


def _any(listen: Sequence[Address]) -> bool:
    return any(not address.port for address in listen)
