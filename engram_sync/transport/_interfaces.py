"""Which addresses of this machine others can dial."""

import ipaddress
from collections.abc import Sequence

from engram_sync.address import Address


def dialable(listening: Sequence[Address]) -> list[Address]:
    """What to tell others to dial, given what is listened on.

    A wildcard stands for every address of the machine, the most widely reachable first; the
    loopback addresses come last, because only this machine can use them.

    Args:
        listening: Addresses really listened on, with their ports.
    """
    found: list[Address] = []
    for address in listening:
        ip = _ip(address.host)
        if ip is None or not ip.is_unspecified:
            found.append(address)
            continue
        own = [one for one in _own() if one.version == ip.version]
        own.sort(key=lambda one: (one.is_loopback, not one.is_global, int(one)))
        found += [Address(str(one), address.port) for one in own]
    return list(dict.fromkeys(found))


def _ip(host: str) -> "ipaddress.IPv4Address | ipaddress.IPv6Address | None":
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None  # A host name.


def _own() -> "list[ipaddress.IPv4Address | ipaddress.IPv6Address]":
    # Imported here: only a node that listens everywhere and invites needs it.
    import ifaddr

    found: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = []
    for adapter in ifaddr.get_adapters():
        for one in adapter.ips:
            # IPv6 comes with flow and scope; a link-local one means nothing to another machine.
            ip = _ip(one.ip if isinstance(one.ip, str) else one.ip[0])
            if ip is not None and not ip.is_link_local:
                found.append(ip)
    return found
