"""What a frame can be refused for, beyond the wire's own errors.

    WireError
    └── ProtocolError
        ├── GapError                records are missing before this frame
        └── MissingDependencyError  a record names a position that was not sent before it

Both end the session; an invalid record ends its log, or the branch that it is on.
"""

from typing import NamedTuple

from engram_wire import ProtocolError


class SignedPosition(NamedTuple):
    """A position of a log with its author's signature."""

    seq: int
    head: bytes
    signature: bytes


class GapError(ProtocolError):
    """A frame starts beyond the next record of its log.

    Args:
        log: Id of the log.
        held: Last record held.
        first: First record of the frame.
    """

    def __init__(self, log: bytes, *, held: int, first: int) -> None:
        super().__init__(f"gap in log {log.hex()[:16]}: {held} held, frame starts at {first}")
        self.log = log
        self.held = held
        self.first = first


class MissingDependencyError(ProtocolError):
    """A record names a position of its scope that is not held, so it was not sent before it.

    Args:
        log: Id of the record's log.
        seq: The record's position.
        dependency: The position it names.
    """

    def __init__(self, log: bytes, seq: int, dependency: bytes) -> None:
        super().__init__(
            f"record {seq} of log {log.hex()[:16]} names {dependency.hex()}, which is no "
            "position held of another log of its scope"
        )
        self.log = log
        self.seq = seq
        self.dependency = dependency
