"""The numbers of messages, and of what a SyncResponse brings."""

from enum import IntEnum


class MessageType(IntEnum):
    """The number of each message; 22 and 23 are reserved."""

    HELLO = 0
    HELLO_ACK = 1
    SYNC_REQUEST = 2
    SYNC_RESPONSE = 3
    SYNC_ACK = 4
    JOIN_REQUEST = 5
    JOIN_RESPONSE = 6
    PING = 7
    PONG = 8
    GOODBYE = 9
    CONFLICT_NOTIFICATION = 10
    CONFLICT_RESOLUTION = 11
    LEAVE_NOTIFICATION = 12
    PAYLOAD_REQUEST = 13
    PAYLOAD_RESPONSE = 14
    PROBE = 15
    PROBE_RESPONSE = 16
    RANGE_REQUEST = 17
    RANGE_RESPONSE = 18
    EXTENSION = 19
    CREDENTIALS = 20
    REFUSAL_NOTIFICATION = 21


class SyncStatus(IntEnum):
    """What a SyncResponse brings."""

    DATA = 0
    """A frame of records; more follow."""
    COMPLETE = 1
    """The backlog is finished; from now on new records are pushed."""
    CLOCK_NEEDED = 2
    """The digests differ: ask again with the whole clock."""
    REFUSED = 3
    """Absent and forbidden look alike."""
    RANGES_FOLLOW = 4
    """Clocks do not serve: a RangeRequest comes before the backlog."""
