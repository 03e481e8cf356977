"""What can go wrong on the wire, and whose fault it is.

WireError                   the peer's bytes are not what the protocol allows
├── ProtocolError           PROTOCOL        malformed, not canonical, or illegal in this state
├── VersionError            VERSION         no version or mandatory capability in common
├── SignatureError          SIGNATURE       a signature or a key does not verify
├── LimitError              LIMIT           larger or more than a constant of the protocol
├── InvalidRecordError      INVALID_RECORD  a record that no honest author can have written
├── DuplicateError          DUPLICATE       the peer is this node itself
└── StrangerError           STRANGER        not the peer that was expected
LocalProtocolError          this program misused the protocol object
"""

from enum import IntEnum
from typing import ClassVar


class CloseCode(IntEnum):
    """Why a session ended; carried by Goodbye and by rejections in SyncAck."""

    OK = 0
    PROTOCOL = 1
    VERSION = 2
    SIGNATURE = 3
    LIMIT = 4
    TIMEOUT = 5
    NOT_FOUND = 6
    INVALID_RECORD = 7
    DUPLICATE = 8
    STRANGER = 9
    BUSY = 10
    SHUTDOWN = 11
    INTERNAL = 12


class WireError(Exception):
    """The peer's bytes are not what the protocol allows.

    The message names offsets, sizes and numbers, never content.
    """

    code: ClassVar[CloseCode] = CloseCode.PROTOCOL


class ProtocolError(WireError):
    """Malformed, not canonical, or illegal in this state."""

    code = CloseCode.PROTOCOL


class VersionError(WireError):
    """No protocol version in common, or no capability that one side insists on."""

    code = CloseCode.VERSION


class SignatureError(WireError):
    """A signature or a public key does not verify."""

    code = CloseCode.SIGNATURE


class LimitError(WireError):
    """Larger, longer or more than a constant of the protocol."""

    code = CloseCode.LIMIT


class InvalidRecordError(WireError):
    """A record that no honest author can have written."""

    code = CloseCode.INVALID_RECORD


class DuplicateError(WireError):
    """The peer proved that it holds this node's own key: a copy of this node, or itself."""

    code = CloseCode.DUPLICATE


class StrangerError(WireError):
    """The peer is not the one that was expected at this address."""

    code = CloseCode.STRANGER


class LocalProtocolError(Exception):
    """This program asked the protocol object for something that is not allowed now."""
