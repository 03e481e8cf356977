"""What an announcement says, and which announcements are worth a dial; no sockets here."""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from engram_sync.address import Address

from ._limits import ADDRESSES_PER_NAME_MAX

SERVICE_TYPE: Final = "_engram-sync._tcp.local."
PROTOCOL_VERSION: Final = b"1"
"""The handshake negotiates; this only spares a dial to a node that would refuse."""

_VERSION_KEY: Final = b"v"
_NAME: Final = re.compile(r"[a-z0-9-]{1,63}", re.ASCII)


def properties() -> dict[bytes, bytes]:
    """The TXT record: the protocol version and nothing that could tell nodes apart."""
    return {_VERSION_KEY: PROTOCOL_VERSION}


def name_untrusted(service: str) -> str | None:
    """The announced name in a full service name, or None when it is not one of ours."""
    label = service.removesuffix("." + SERVICE_TYPE)
    return label if label != service and _NAME.fullmatch(label) else None


def addresses_untrusted(
    port: int | None,
    hosts: Iterable[str],
    txt: Mapping[bytes, bytes | None],
    *,
    loopback: bool,
) -> tuple[Address, ...]:
    """Where an announcement says the node is; empty when it is malformed, of another protocol
    version, or names only places that it has no business naming.

    Args:
        port: From the SRV record.
        hosts: From the A and AAAA records.
        txt: From the TXT record.
        loopback: Whether it was heard on the loopback interface.  Elsewhere an announcement of
            127.0.0.1 would make us talk to whatever listens on our own machine.
    """
    if txt.get(_VERSION_KEY) != PROTOCOL_VERSION or port is None or not 0 < port < 1 << 16:
        return ()
    found: list[Address] = []
    for host in hosts:
        try:
            ip = ipaddress.ip_address(host)
        except ValueError:
            continue
        if ip.is_multicast or ip.is_unspecified or (ip.is_loopback and not loopback):
            continue
        found.append(Address(str(ip), port))
    return tuple(sorted(set(found))[:ADDRESSES_PER_NAME_MAX])


def interfaces_for(
    listening: Sequence[Address], own: Sequence[str], wanted: Sequence[str] | None
) -> list[str]:
    """The interfaces, by their addresses, on which to speak: those listened on, no others.

    Args:
        listening: The node's addresses, ports filled in.
        own: All addresses of this machine.
        wanted: What the configuration says, or None.
    """
    if wanted is not None:
        return list(dict.fromkeys(wanted))
    chosen: list[str] = []
    for address in listening:
        chosen += _stands_for(address.host, own)
    return list(dict.fromkeys(chosen))


def announced(
    listening: Sequence[Address], interfaces: Sequence[str]
) -> tuple[int, list[str]] | None:
    """The port and hosts to announce, or None when nothing is listened on at these interfaces.

    A node that listens on several ports announces the first of them.
    """
    for first in listening:
        covered = {
            host
            for address in listening
            if address.port == first.port
            for host in _stands_for(address.host, interfaces)
        }
        hosts = [interface for interface in interfaces if interface in covered]
        if hosts:
            return first.port, hosts
    return None


def _stands_for(host: str, own: Sequence[str]) -> list[str]:
    """The addresses that listening on ``host`` covers; for all of them, loopback only alone."""
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return []  # A host of a simulated network; no interface has a name.
    if not ip.is_unspecified:
        return [host.partition("%")[0]]
    same = [one for one in own if ipaddress.ip_address(one).version == ip.version]
    outside = [one for one in same if not ipaddress.ip_address(one).is_loopback]
    return outside or same
