"""Parts that several messages share, from the items of a decoded array."""

from . import _limits
from ._fields import (
    blob_untrusted,
    bytes_untrusted,
    hash_untrusted,
    integer_untrusted,
    list_untrusted,
    tuple_untrusted,
)
from ._message_types import Announcement, ClockEntry, Credential, Summary
from .cbor import decode_array_untrusted
from .errors import ProtocolError
from .records import LogDomain

U64_MAX = (1 << 64) - 1


def row_untrusted(data: bytes, size: int, what: str) -> list[object]:
    """The items of a message: one canonical array of that size."""
    bytes_max = _limits.PAYLOAD_OF_MESSAGE_BYTES_MAX
    return decode_array_untrusted(data, size=size, bytes_max=bytes_max, what=what)


def _announcement_untrusted(value: object) -> Announcement:
    ref, domain, author, incarnation, branch = tuple_untrusted(value, 5, "announcement")
    return Announcement(
        number_untrusted(ref),
        integer_untrusted(domain, LogDomain.DATA, LogDomain.MEMBERS, "log domain"),
        hash_untrusted(author, "author"),
        bytes_untrusted(incarnation, _limits.INCARNATION_BYTES, "incarnation"),
        None if branch is None else hash_untrusted(branch, "branch"),
    )


def announcements_untrusted(value: object) -> tuple[Announcement, ...]:
    """An array of announcements."""
    logs = list_untrusted(value, _limits.ANNOUNCEMENTS_MAX, "announcements")
    return tuple([_announcement_untrusted(item) for item in logs])


def credentials_untrusted(value: object) -> tuple[Credential, ...]:
    """An array of credentials."""
    found: list[Credential] = []
    for item in list_untrusted(value, _limits.CREDENTIALS_MAX, "credentials"):
        announcement, frame = tuple_untrusted(item, 2, "credential")
        blob = blob_untrusted(frame, _limits.PAYLOAD_OF_MESSAGE_BYTES_MAX, "credential")
        found.append(Credential(_announcement_untrusted(announcement), blob))
    return tuple(found)


def summary_untrusted(value: object) -> Summary:
    """A summary."""
    clock, state, engrams, rules = tuple_untrusted(value, 4, "summary")
    return Summary(
        hash_untrusted(clock, "clock digest"),
        None if state is None else hash_untrusted(state, "state digest"),
        integer_untrusted(engrams, 0, U64_MAX, "engram count"),
        integer_untrusted(rules, 0, _limits.REQUEST_MAX, "rules"),
    )


def summaries_untrusted(value: object) -> tuple[tuple[bytes, Summary], ...]:
    """An array of scopes with their summaries."""
    found: list[tuple[bytes, Summary]] = []
    for item in list_untrusted(value, _limits.SUMMARIES_MAX, "summaries"):
        scope, summary = tuple_untrusted(item, 2, "summary of a scope")
        found.append((hash_untrusted(scope, "scope"), summary_untrusted(summary)))
    return tuple(found)


def entries_untrusted(value: object) -> tuple[ClockEntry, ...]:
    """An array of clock entries, sorted by log."""
    entries: list[ClockEntry] = []
    last = b""
    for item in list_untrusted(value, _limits.CLOCK_ENTRIES_MAX, "clock"):
        log, seq, head = tuple_untrusted(item, 3, "clock entry")
        entry = ClockEntry(
            hash_untrusted(log, "log"), seq_untrusted(seq), hash_untrusted(head, "head")
        )
        if entry.log <= last:
            raise ProtocolError("a clock is not sorted by log, or names one twice")
        last = entry.log
        entries.append(entry)
    return tuple(entries)


def seq_untrusted(value: object) -> int:
    """A position in a log."""
    return integer_untrusted(value, 1, _limits.SEQ_MAX, "seq")


def number_untrusted(value: object) -> int:
    """A request number or a log reference."""
    return integer_untrusted(value, 0, _limits.REQUEST_MAX, "number")
