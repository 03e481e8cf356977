"""The rows of the store as plain values.

``n`` is a small number that means something in this store only; it never leaves the node.
"""

from typing import NamedTuple


class ScopeRow(NamedTuple):
    """One scope held by this node."""

    n: int
    id: bytes
    kind: str
    """instance, agent, collective or universal."""
    secret: bytes
    """Keys the ids that are derived within the scope; empty until it is known."""
    current: bool
    """Whether it is the scope that ``remember`` means by its kind."""
    materialised: int
    """Runs that arrived up to and including this one are in the engram table."""
    digest: int
    """Sum of the engrams' digests modulo 2**256."""
    live: int
    deleted: int
    records: int
    changes: int = 0
    """Counts the changes of what is live; every step names what appeared with it."""
    sealed: int = 0
    """Logs that are held exactly to their seal."""
    sealed_sum: int = 0
    """The sum of their terms, from which ``sealed_digest`` is made."""


class LogRow(NamedTuple):
    """One author's log in one scope, as far as it is held."""

    n: int
    id: bytes
    scope: int
    domain: int
    """0 data, 1 members."""
    author: bytes
    incarnation: bytes
    seq: int
    """Number of the last record held; 0 when none is."""
    head: bytes
    """Hash chain value at ``seq``; the log's id when ``seq`` is 0."""
    hlc: int
    """Hybrid logical clock of the last record; 0 when none is held."""
    parent: int | None = None
    """Number of the log that this one branched off; None for the root of a family."""
    base: int = 0
    """The last seq that belongs to ``parent``; the records of this log begin behind it."""
    branch: bytes | None = None
    """Chain id of the first record of a branch; None for a root."""
    sealed: int = 0
    """Where its author ended the log; 0 while it did not."""
    follows: int | None = None
    """Number of the newest log that its first record seals; None when that seals none."""
    until: int = 0
    """Where it seals that log."""
    depth: int = 0
    """How many logs it continues, one after the other, as nothing of its scope had forked."""
    jump: int = 0
    """Number of a log far before it, known with ``depth``; 0 for none."""


class RunRow(NamedTuple):
    """The records (``first`` .. ``last``) that one signature added to a log.

    In a branch ``first`` may lie at or before its base: the beginning is in the parent.
    """

    arrival: int
    """Counts the runs of the scope in the order in which they became durable, from 1."""
    scope: int
    log: int
    first: int
    last: int
    head: bytes
    """Hash chain value at ``last``: what the signature covers."""
    signature: bytes
    at: int | None = None
    """Wall clock of its arrival here in ms; None when the release that stored it kept none."""


class EngramRow(NamedTuple):
    """One engram as materialised from the records."""

    n: int
    scope: int
    engram: bytes
    log: int
    seq: int
    """With ``log``: the first record of this engram that arrived here."""
    records: int
    hlc: int
    """Of its newest record."""
    created: int
    """The smallest clock of its records."""
    born: int
    """Number of the change of the scope with which it appeared."""
    changed: int
    """The same of its newest change."""
    life: int
    """0 active, 1 archived, 2 deleted."""
    conflict: int
    """Bit set of the open conflicts' classes; 0 when there is none."""
    live: int = 0
    """How many elements are live."""
    dead: int = 0
    """How many of these say that it is deleted."""
    erased: bool = False
    """Whether the payload of a record of it was erased for good."""
    digest: bytes | None = None
    """32 bytes; None while there is one record, which then says everything, these four included."""


class Erasable(NamedTuple):
    """A record of which something may be erased."""

    log: int
    seq: int
    puts: int
    """How many values it puts."""
    size: int
    """Bytes of its payload; 0 when that is not held."""


class ElementRow(NamedTuple):
    """One live element of an engram with several records; its value is in its record."""

    log: int
    clock: int
    seq: int
    """Position of its record in ``log``."""
    collection: str
    born: int
    """Number of the change of the scope with which it appeared."""
    digest: bytes
    """What it adds to the digest of the engram, 32 bytes."""
    life: bytes | None
    """Of an entry of ``r/life``: bytes that sort as its weight; the largest one decides."""
    group: bytes | None
    """What it is compared in: the first byte is a class of conflict."""
    value: bytes | None
    """What it says there; two values in one group are a conflict."""
    group2: bytes | None
    value2: bytes | None
    """The same for what is compared in two ways."""


class PartRow(NamedTuple):
    """How far an engram with several records has read one log."""

    log: int
    clock: int
    """The clock of the log's next put."""
    seq: int
    """The last record applied."""


class TextRow(NamedTuple):
    """The collaborative texts of an engram, beside their structure (``Reader.text_structure``)."""

    shown: bytes
    """What readers see of them."""
    orphans: bool
    """Whether there is live text of generations that are gone."""
    changed: int
    """Number of the change of the scope that changed them last."""
    since: int
    """How much work it is to apply what changed them since the structure was stored."""


class PeerRow(NamedTuple):
    """What is remembered about a peer between runs of this node."""

    key: bytes
    label: str
    address: str
    via: str
    """How the address was learned: token, static, mdns or inbound; empty before first contact."""
    last_success_ms: int | None
    """When clocks and digests last agreed; None means never."""
    failures: int
    """Consecutive failed attempts."""
    error: str
    """Why the last attempt failed; empty after a success."""


class ReceiptRow(NamedTuple):
    """A member's claim to hold what a log says up to a record."""

    scope: int
    log: int
    seq: int
    key: bytes
    """Public key of the member."""
    at: int
    """When it was first heard, in ms."""


class MergedRuns(NamedTuple):
    """What one step of ``Transaction.merge_runs`` did."""

    removed: int
    """Signatures no longer stored."""
    arrival: int | None
    """Where the next step begins (its ``after_arrival``); None when nothing is left to look at."""


class Size(NamedTuple):
    """Room that the store takes."""

    total_bytes: int
    free_bytes: int
    """Of these: pages that hold nothing, which ``Store.compact`` gives back."""
