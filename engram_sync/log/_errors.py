"""What a frame can be refused for, beyond the wire's own errors.

    WireError
    ├── ProtocolError
    │   ├── GapError                records are missing before this frame
    │   └── MissingDependencyError  a record names a position that was not sent before it
    └── InvalidRecordError
        └── ForkDetected            one log has two different records at one position

The first two end the session; an invalid record ends its log.
"""

from typing import NamedTuple

from engram_wire import InvalidRecordError, ProtocolError, Rejection


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


class ForkDetected(InvalidRecordError):
    """Two signed positions of one log cannot both follow from one history.

    Either the author's key signed twice (a clone, a resumed snapshot, a thief) or a restored backup
    went on writing.  The log is refused from here on; what is held of it stays.

    Args:
        log: Id of the log.
        seq: First position at which the two branches differ.
        held: The oldest signed position at or after ``seq`` of the branch held here.
        seen: The same of the branch in the frame.
    """

    def __init__(self, log: bytes, seq: int, *, held: SignedPosition, seen: SignedPosition) -> None:
        super().__init__(
            f"log {log.hex()[:16]} forks at {seq}: {held.head.hex()[:16]} held at {held.seq}, "
            f"{seen.head.hex()[:16]} seen at {seen.seq}"
        )
        self.log = log
        self.seq = seq
        self.held = held
        self.seen = seen

    @property
    def rejection(self) -> Rejection:
        """What to tell the peer that sent the frame."""
        return Rejection(log=self.log, seq=self.seq, code=self.code)
