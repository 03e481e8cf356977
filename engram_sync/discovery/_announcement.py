"""What an announcement says, and which announcements are worth a dial; no sockets here."""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from engram_sync.address import Address

from ._limits import ADDRESSES_PER_NAME_MAX, PORTS_MAX

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
) -> list[tuple[int, list[str]]]:
    """The ports to announce, each with the hosts at which it is listened on; none when nothing is
    listened on at these interfaces.

    An announcement has one port (RFC 2782), so a node that listens on several makes several.
    """
    found: list[tuple[int, list[str]]] = []
    for port in dict.fromkeys(address.port for address in listening):
        covered = {
            host
            for address in listening
            if address.port == port
            for host in _stands_for(address.host, interfaces)
        }
        hosts = [interface for interface in interfaces if interface in covered]
        if hosts:
            found.append((port, hosts))
    return found[:PORTS_MAX]


def name_of_port(name: str, number: int) -> str:
    """What the announcement of a node's port of that number, from 0, is called."""
    return f"{name}-{number}" if number else name


def is_own(name: str, own: str) -> bool:
    """Whether an announcement is one of this node's."""
    return name == own or name.startswith(f"{own}-")


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
