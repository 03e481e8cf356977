"""Hints about where other nodes may be.

Holds who announces itself and who was seen.  It must never contain trust: an announcement is
unauthenticated, so a sighting only says where a dial may be worth while.
"""

from engram_sync.address import Address as Address

from ._discovery import Discovery as Discovery
from ._discovery import DiscoveryState as DiscoveryState
from ._discovery import NoDiscovery as NoDiscovery
from ._discovery import Sighting as Sighting
from ._discovery import StaticDiscovery as StaticDiscovery
from ._mdns import MdnsDiscovery as MdnsDiscovery

__all__ = [
    "Address",
    "Discovery",
    "DiscoveryState",
    "MdnsDiscovery",
    "NoDiscovery",
    "Sighting",
    "StaticDiscovery",
]
