"""One member of a scope."""

from typing import NamedTuple

from engram_wire import Record, WireError, cbor, split_payload_untrusted

from ._charter import MemberRole


class Member(NamedTuple):
    """One key in a scope."""

    key: bytes
    role: MemberRole
    agent: bytes
    """Scope id of the agent it writes for; the key itself when no record names one."""
    label: str
    """What it is called; empty when that is not held."""
    hlc: int
    """Clock of the record that says so."""


def label_of(record: Record) -> str:
    """The label in a record's payload; empty when it is not held or not a text."""
    if record.payload is None:
        return ""
    try:
        values = split_payload_untrusted(record.payload)
        label = cbor.decode_untrusted(values[0]) if values else ""
    except WireError:
        return ""
    return label if isinstance(label, str) else ""
