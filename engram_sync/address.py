"""Where a node can be reached: one spelling for the command line, configuration and peers."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from engram_sync.errors import UsageError

_HINT: Final = (
    "write HOST:PORT, for example 127.0.0.1:7463, laptop.local:7463 or, for IPv6, [::1]:7463"
)
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_ZONE: Final = re.compile(r"[A-Za-z0-9_.-]{1,32}", re.ASCII)
_HOST_CHARACTERS_MAX: Final = 253  # RFC 1035, section 2.3.4, without the final dot.
_PORT_MAX: Final = (1 << 16) - 1


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """A host and a TCP port.  Equal addresses have equal text."""

    host: str
    """An IPv4 or IPv6 address in canonical form (no brackets, with its zone when link-local), or
    a host name in lower case."""
    port: int
    """0 to 65535; 0 asks the system for a free port and is good for listening only."""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read ``HOST:PORT``, with the host of an IPv6 address in brackets.

        Raises:
            UsageError: The text is anything else; the message says which part is wrong.
        """
        host, colon, port = text.strip().rpartition(":")
        if not colon:
            raise UsageError(f"{text!r} names no port", hint=_HINT)
        if not port or len(port) > 5 or not (port.isascii() and port.isdigit()):
            raise UsageError(f"{port!r} in {text!r} is not a port number", hint=_HINT)
        if int(port) > _PORT_MAX:
            raise UsageError(f"port {port} in {text!r} is above {_PORT_MAX}", hint=_HINT)
        return cls(_canonical_host(host, text), int(port))


def _canonical_host(host: str, text: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        try:
            v6 = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            v6 = None
        if v6 is None or (v6.scope_id is not None and not _ZONE.fullmatch(v6.scope_id)):
            raise UsageError(f"{host!r} in {text!r} is not an IPv6 address", hint=_HINT)
        return str(v6)
    if ":" in host:
        raise UsageError(f"the IPv6 address in {text!r} needs brackets around it", hint=_HINT)
    name = host.lower().removesuffix(".")
    labels = name.split(".")
    if labels[-1].isdigit():
        # Only an IPv4 address ends in digits: no top-level domain does (RFC 3696, section 2).
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise UsageError(f"{host!r} in {text!r} is not an IPv4 address", hint=_HINT) from None
    if len(name) > _HOST_CHARACTERS_MAX or not all(map(_LABEL.fullmatch, labels)):
        raise UsageError(f"{host!r} in {text!r} is not a host name", hint=_HINT)
    return name
