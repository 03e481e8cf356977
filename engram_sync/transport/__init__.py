"""Links between nodes: ordered, confidential byte streams with a channel binding.

Holds how a stream is listened for, opened, bounded and closed, over TLS.  It must never contain
anything about keys of nodes, messages, scopes or memories: who is at the other end is decided
above, by a handshake over the link's channel binding.
"""

from engram_sync.address import Address as Address

from ._authority import NODE_URI_PREFIX as NODE_URI_PREFIX
from ._authority import Authority as Authority
from ._connection_limiter import ConnectionLimiter as ConnectionLimiter
from ._connection_limiter import Slot as Slot
from ._interfaces import dialable as dialable
from ._limits import CLOSE_S_MAX as CLOSE_S_MAX
from ._limits import CONNECT_S_MAX as CONNECT_S_MAX
from ._limits import HANDSHAKE_S_MAX as HANDSHAKE_S_MAX
from ._limits import LINKS_PER_ADDRESS_MAX as LINKS_PER_ADDRESS_MAX
from ._limits import RECEIVE_BYTES as RECEIVE_BYTES
from ._limits import STRANGERS_MAX as STRANGERS_MAX
from ._limits import STRANGERS_PER_ADDRESS_MAX as STRANGERS_PER_ADDRESS_MAX
from ._link import CertificateError as CertificateError
from ._link import Link as Link
from ._link import Transport as Transport
from ._link import TransportStatistics as TransportStatistics
from ._link import UnreachableError as UnreachableError
from ._tcp import TcpTransport as TcpTransport
from ._tls import certificate_alert as certificate_alert

__all__ = [
    "CLOSE_S_MAX",
    "CONNECT_S_MAX",
    "HANDSHAKE_S_MAX",
    "LINKS_PER_ADDRESS_MAX",
    "NODE_URI_PREFIX",
    "RECEIVE_BYTES",
    "STRANGERS_MAX",
    "STRANGERS_PER_ADDRESS_MAX",
    "Address",
    "Authority",
    "CertificateError",
    "ConnectionLimiter",
    "Link",
    "Slot",
    "TcpTransport",
    "Transport",
    "TransportStatistics",
    "UnreachableError",
    "certificate_alert",
    "dialable",
]
