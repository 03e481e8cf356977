"""Every bound of the protocol, unit last, each with its reason.

All of them are constants of protocol version 2: two nodes that disagreed on one would disagree on
which records are valid.  The relations between them are checked on import, at the end.
"""

from typing import Final

# ---- transport frames: a u32 length and that many bytes ------------------------------------------

LENGTH_PREFIX_BYTES: Final = 4

HANDSHAKE_BYTES_MAX: Final = 4 << 10
"""Before authentication.  A Hello is 43 bytes, or about 600 with every capability slot used; a
stranger may make us hold no more than this."""

MESSAGE_BYTES_MAX: Final = 1 << 20
"""After authentication.  The largest legal record plus its frame, message and envelope fits, and
1 MiB of hostile CBOR decodes to at most 71 MB (8 MiB would be 610 MB, measured)."""

ENVELOPE_OVERHEAD_BYTES_MAX: Final = 128
"""Version, type, sender, timestamp, payload head and signature take 96 bytes; rounded up."""

PAYLOAD_OF_MESSAGE_BYTES_MAX: Final = MESSAGE_BYTES_MAX - ENVELOPE_OVERHEAD_BYTES_MAX
"""What one message may carry inside its envelope."""

CBOR_DEPTH_MAX: Final = 16
"""Nesting of containers.  The deepest legal value, metadata inside a payload, uses 6."""

CBOR_VALUE_BYTES_MAX: Final = MESSAGE_BYTES_MAX
"""Default bound of one decoded value."""

COMPRESSED_BYTES_MIN: Final = 512
"""Smaller messages are not compressed: it would save less than the heads of a TCP segment."""

DECODE_RATIO_MAX: Final = 32
"""The decode budget of a session: so many bytes may come out of one byte received.  Text shrinks to
a third, columns of alike records to a tenth; a frame that would grow more is sent as it is, and
a peer that wants us to decode 1 MiB has to send 32 KiB."""

# ---- handshake -----------------------------------------------------------------------------------

VERSIONS_MAX: Final = 8
"""Versions one node may offer: eight generations of compatibility."""

CAPABILITIES_MAX: Final = 16
"""Capabilities one node may offer; with their names they fit HANDSHAKE_BYTES_MAX many times."""

CAPABILITY_CHARS_MAX: Final = 32
"""Length of one capability name."""

NONCE_BYTES: Final = 32
HASH_BYTES: Final = 32
KEY_BYTES: Final = 32
SECRET_KEY_BYTES: Final = 64
SIGNATURE_BYTES: Final = 64
SENDER_BYTES: Final = 8
ENGRAM_BYTES: Final = 16
INCARNATION_BYTES: Final = 16
SALT_BYTES: Final = 16

# ---- records -------------------------------------------------------------------------------------

RUN_RECORDS_MAX: Final = 256
"""Records under one signature and in one frame.  A shape index is one byte, and beyond 256 the
share of the signature check (38 us) in the cost of a record is below one tenth."""

RUN_BYTES_MAX: Final = 128 << 10
"""Payload and body bytes under one signature and in one frame, unless one record alone is larger:
what a broken connection costs to send again, and what a receiver stages unproven."""

PAYLOAD_BYTES_MAX: Final = 512 << 10
"""One record's payload: 256 KiB of content plus title, tags and metadata."""

COLLECTIONS_MAX: Final = 64
"""Puts of one record."""

COLLECTION_CHARS_MAX: Final = 64
"""Length of one collection name, prefix included."""

SHAPE_BYTES_MAX: Final = 8 << 10
"""64 collection names with their heads take 4,227 bytes; a membership statement may take more."""

DEPS_MAX: Final = 64
"""Causal dependencies of one record; a wider frontier goes through preceding join records."""

AUTH_HEADS_MAX: Final = 8
"""Membership heads one record may rely on: as many concurrent leaders as a scope can have busy."""

SUPERSEDED_MAX: Final = 256
"""Dots one record may supersede: they are applied together, which takes about two milliseconds.  As
many logs one delete, seal or void may name, records one erase or ratify, and deleted spans one
edit.  What is more goes into several records."""

INSERT_UNITS_MAX: Final = 64 << 10
"""UTF-16 code units of one insert of an edit, or of one deleted span: a long text is several, so
that one origin never stands for more than a document viewer wants to look at in one piece."""

EDIT_UNITS_MAX: Final = PAYLOAD_BYTES_MAX
"""UTF-16 code units that one edit may insert.  No payload holds more: each takes a byte or two."""

_INSERT_BYTES_MAX: Final = 1 + 2 * (1 + 34 + 5) + 5
_SPAN_BYTES_MAX: Final = 1 + 34 + 5 + 5

SUPERSEDED_BYTES_MAX: Final = (
    64 + COLLECTIONS_MAX * _INSERT_BYTES_MAX + (SUPERSEDED_MAX * _SPAN_BYTES_MAX)
)
"""The column of the largest edit: its generation, an insert per put, and as many deleted spans.
A dot with its op takes 41 bytes and a position in another log 43, so all other kinds fit."""

CLOCK_MAX: Final = (1 << 32) - 1
"""A dot's clock becomes a Yjs clock, which is a u32."""

SEQ_MAX: Final = (1 << 40) - 1
"""Records in one log: 35,000 a second for a year.  Leaves 24 bits beside it in a 64-bit row id."""

HLC_MIN: Final = 1 << 32
HLC_MAX: Final = (1 << 63) - 1
"""An HLC is ms << 16 | counter.  In this range CBOR always spells it in nine bytes, and a signed
64-bit column of a database holds it.  The least value is 65.5 seconds after the epoch."""

KIND_MAX: Final = 23
"""A kind is one byte of CBOR, and so is -1 less each, the optional ones."""

MEMBERSHIP_KIND_MIN: Final = 16
"""Kinds from here on are statements of a membership log."""

NAME_BYTES_MAX: Final = 64
"""UTF-8 bytes of the name of an extension."""

SEALED_NONCE_BYTES: Final = 24
"""The nonce of an encrypted payload, as XChaCha20 has it."""

BODY_FIXED_BYTES: Final = 29
"""Array head, kind, engram, HLC and mark of a body."""

# ---- messages ------------------------------------------------------------------------------------

REQUEST_MAX: Final = (1 << 32) - 1
"""Request numbers and log references are local to a session and a u32."""

SEALED_MAX: Final = (1 << 32) - 1
"""Sealed logs that one request can count."""

CLOCK_ENTRIES_MAX: Final = 8192
"""Logs in one clock: at 78 bytes each they fit one message with room for credentials."""

CREDENTIALS_MAX: Final = 256
"""Membership runs shown with a request.  Their bytes are bounded by the message."""

ANNOUNCEMENTS_MAX: Final = 8192
"""Logs named in one response, as many as a clock may hold."""

SUMMARIES_MAX: Final = 4096
"""Scopes summarised in one Ping; each takes at most 122 bytes."""

ACK_ENTRIES_MAX: Final = 8192
"""Logs acknowledged or rejected in one SyncAck."""

REFUSALS_MAX: Final = 64
"""Records of which one notification says that another member refuses them."""

CONFLICTS_MAX: Final = 1024
"""Conflicts named in one notification, 88 bytes each; a person looks at far fewer."""

RESOLUTION_FRAMES_MAX: Final = 64
"""Frames in one ConflictResolution; their bytes are bounded by the message."""

WANTED_PAYLOADS_MAX: Final = 512
"""Payloads asked for at once: 22 kB of names, and one question per 512 that are owed."""

PROBE_SEQS_MAX: Final = 64
"""Positions asked for in one Probe.  With 16 a round, a fork in a log of 2^40 records is found in
ten rounds, with 64 in seven."""

RANGES_MAX: Final = 256
"""Ranges compared in one message."""

RANGE_PARTS_MAX: Final = 16
"""Parts one range is answered with.  256 ranges of 16 parts, or a whole clock of entries, and
both together, fit one message."""

FINGERPRINT_BYTES: Final = 16
"""Of a range: collisions cannot be looked for ahead, because the session id goes into it."""

GRANT_BYTES_MAX: Final = 4 << 10
"""An invitation grant with its signature; 200 bytes today."""

LABEL_BYTES_MAX: Final = 64
"""UTF-8 bytes of the label a joiner gives itself: shown to people, never trusted."""

REASON_BYTES_MAX: Final = 64
"""UTF-8 bytes of a reason in Goodbye and JoinResponse: for people, never parsed."""

CODE_MAX: Final = 255
"""A close code is one byte, so that unknown ones of a newer version still fit."""

# ---- time, kept by the driver --------------------------------------------------------------------

HANDSHAKE_DEADLINE_S: Final = 5.0
"""From the first byte to Established.  Two round trips and four signature operations take under a
second on any link worth syncing over; a stranger holds a connection no longer than this."""

PING_INTERVAL_S: Final = 15.0
"""Silence after which to send a Ping."""

DEAD_AFTER_S: Final = 45.0
"""Silence after which the peer is gone: three lost Pings."""

MESSAGE_DEADLINE_S: Final = 120.0
"""From the first byte of a message to its last.  The largest one then needs 9 KB/s; without this, a
length that is not kept would hold a connection open for as long as its Pings fill it up."""

GOODBYE_DEADLINE_S: Final = 2.0
"""How long to try to deliver a Goodbye before the stream is closed regardless."""


_LARGEST_RECORD_BYTES: Final = (
    PAYLOAD_BYTES_MAX
    + SUPERSEDED_BYTES_MAX
    + SHAPE_BYTES_MAX
    + 34 * (DEPS_MAX + AUTH_HEADS_MAX)
    + BODY_FIXED_BYTES
)
# One frame of columns adds its signature and some forty bytes of heads to its single record.
assert _LARGEST_RECORD_BYTES + 1024 <= PAYLOAD_OF_MESSAGE_BYTES_MAX
assert RUN_BYTES_MAX * 2 <= PAYLOAD_OF_MESSAGE_BYTES_MAX
assert CLOCK_ENTRIES_MAX * 78 <= PAYLOAD_OF_MESSAGE_BYTES_MAX
assert RANGES_MAX * RANGE_PARTS_MAX * 64 + CLOCK_ENTRIES_MAX * 78 <= PAYLOAD_OF_MESSAGE_BYTES_MAX
assert CONFLICTS_MAX * 88 <= PAYLOAD_OF_MESSAGE_BYTES_MAX
assert PAYLOAD_BYTES_MAX + 256 <= PAYLOAD_OF_MESSAGE_BYTES_MAX  # one owed payload always fits
assert SUPERSEDED_MAX * (34 + 9) + 3 <= SUPERSEDED_BYTES_MAX
assert SUMMARIES_MAX * 122 <= PAYLOAD_OF_MESSAGE_BYTES_MAX
assert 35 * CAPABILITIES_MAX + 64 <= HANDSHAKE_BYTES_MAX
assert COLLECTIONS_MAX * (COLLECTION_CHARS_MAX + 2) + 4 <= SHAPE_BYTES_MAX
assert RUN_RECORDS_MAX <= 256  # a shape index is one byte
