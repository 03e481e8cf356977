"""The protocol of engram-sync: bytes in, typed events out, and the bytes of signed records.

It holds encodings, the handshake, envelopes, the session's state machine, and the record format
with its hash chain, signatures and limits.  It must never contain I/O, a clock, randomness or a
document: time, nonces and the channel binding are arguments, and whoever drives a session owns
the stream.  ``wire/SPEC.md`` is the text that this package implements.
"""

from . import cbor as cbor
from ._compression import ZSTD as ZSTD
from ._compression import available_capabilities as available_capabilities
from ._limits import ACK_ENTRIES_MAX as ACK_ENTRIES_MAX
from ._limits import ANNOUNCEMENTS_MAX as ANNOUNCEMENTS_MAX
from ._limits import AUTH_HEADS_MAX as AUTH_HEADS_MAX
from ._limits import BODY_FIXED_BYTES as BODY_FIXED_BYTES
from ._limits import CAPABILITIES_MAX as CAPABILITIES_MAX
from ._limits import CAPABILITY_CHARS_MAX as CAPABILITY_CHARS_MAX
from ._limits import CBOR_DEPTH_MAX as CBOR_DEPTH_MAX
from ._limits import CBOR_VALUE_BYTES_MAX as CBOR_VALUE_BYTES_MAX
from ._limits import CLOCK_ENTRIES_MAX as CLOCK_ENTRIES_MAX
from ._limits import CLOCK_MAX as CLOCK_MAX
from ._limits import CODE_MAX as CODE_MAX
from ._limits import COLLECTION_CHARS_MAX as COLLECTION_CHARS_MAX
from ._limits import COLLECTIONS_MAX as COLLECTIONS_MAX
from ._limits import COMPRESSED_BYTES_MIN as COMPRESSED_BYTES_MIN
from ._limits import CONFLICTS_MAX as CONFLICTS_MAX
from ._limits import CREDENTIALS_MAX as CREDENTIALS_MAX
from ._limits import DEAD_AFTER_S as DEAD_AFTER_S
from ._limits import DECODE_RATIO_MAX as DECODE_RATIO_MAX
from ._limits import DEPS_MAX as DEPS_MAX
from ._limits import EDIT_UNITS_MAX as EDIT_UNITS_MAX
from ._limits import ENGRAM_BYTES as ENGRAM_BYTES
from ._limits import ENVELOPE_OVERHEAD_BYTES_MAX as ENVELOPE_OVERHEAD_BYTES_MAX
from ._limits import FINGERPRINT_BYTES as FINGERPRINT_BYTES
from ._limits import GOODBYE_DEADLINE_S as GOODBYE_DEADLINE_S
from ._limits import GRANT_BYTES_MAX as GRANT_BYTES_MAX
from ._limits import HANDSHAKE_BYTES_MAX as HANDSHAKE_BYTES_MAX
from ._limits import HANDSHAKE_DEADLINE_S as HANDSHAKE_DEADLINE_S
from ._limits import HASH_BYTES as HASH_BYTES
from ._limits import HLC_MAX as HLC_MAX
from ._limits import HLC_MIN as HLC_MIN
from ._limits import INCARNATION_BYTES as INCARNATION_BYTES
from ._limits import INSERT_UNITS_MAX as INSERT_UNITS_MAX
from ._limits import KEY_BYTES as KEY_BYTES
from ._limits import KIND_MAX as KIND_MAX
from ._limits import LABEL_BYTES_MAX as LABEL_BYTES_MAX
from ._limits import LENGTH_PREFIX_BYTES as LENGTH_PREFIX_BYTES
from ._limits import MEMBERSHIP_KIND_MIN as MEMBERSHIP_KIND_MIN
from ._limits import MESSAGE_BYTES_MAX as MESSAGE_BYTES_MAX
from ._limits import MESSAGE_DEADLINE_S as MESSAGE_DEADLINE_S
from ._limits import NAME_BYTES_MAX as NAME_BYTES_MAX
from ._limits import NONCE_BYTES as NONCE_BYTES
from ._limits import PAYLOAD_BYTES_MAX as PAYLOAD_BYTES_MAX
from ._limits import PAYLOAD_OF_MESSAGE_BYTES_MAX as PAYLOAD_OF_MESSAGE_BYTES_MAX
from ._limits import PING_INTERVAL_S as PING_INTERVAL_S
from ._limits import PROBE_SEQS_MAX as PROBE_SEQS_MAX
from ._limits import RANGE_PARTS_MAX as RANGE_PARTS_MAX
from ._limits import RANGES_MAX as RANGES_MAX
from ._limits import REASON_BYTES_MAX as REASON_BYTES_MAX
from ._limits import REFUSALS_MAX as REFUSALS_MAX
from ._limits import REQUEST_MAX as REQUEST_MAX
from ._limits import RESOLUTION_FRAMES_MAX as RESOLUTION_FRAMES_MAX
from ._limits import RUN_BYTES_MAX as RUN_BYTES_MAX
from ._limits import RUN_RECORDS_MAX as RUN_RECORDS_MAX
from ._limits import SALT_BYTES as SALT_BYTES
from ._limits import SEALED_MAX as SEALED_MAX
from ._limits import SEALED_NONCE_BYTES as SEALED_NONCE_BYTES
from ._limits import SECRET_KEY_BYTES as SECRET_KEY_BYTES
from ._limits import SENDER_BYTES as SENDER_BYTES
from ._limits import SEQ_MAX as SEQ_MAX
from ._limits import SHAPE_BYTES_MAX as SHAPE_BYTES_MAX
from ._limits import SIGNATURE_BYTES as SIGNATURE_BYTES
from ._limits import SUMMARIES_MAX as SUMMARIES_MAX
from ._limits import SUPERSEDED_BYTES_MAX as SUPERSEDED_BYTES_MAX
from ._limits import SUPERSEDED_MAX as SUPERSEDED_MAX
from ._limits import VERSIONS_MAX as VERSIONS_MAX
from ._limits import WANTED_PAYLOADS_MAX as WANTED_PAYLOADS_MAX
from ._printable import is_printable as is_printable
from ._state import TRANSITIONS as TRANSITIONS
from ._state import Input as Input
from ._state import State as State
from .errors import CloseCode as CloseCode
from .errors import DuplicateError as DuplicateError
from .errors import InvalidRecordError as InvalidRecordError
from .errors import LimitError as LimitError
from .errors import LocalProtocolError as LocalProtocolError
from .errors import ProtocolError as ProtocolError
from .errors import SignatureError as SignatureError
from .errors import StrangerError as StrangerError
from .errors import VersionError as VersionError
from .errors import WireError as WireError
from .frames import Frame as Frame
from .frames import MarkedPosition as MarkedPosition
from .frames import decode_frame_untrusted as decode_frame_untrusted
from .frames import encode_frame as encode_frame
from .frames import split_runs as split_runs
from .frames import verify_frame_untrusted as verify_frame_untrusted
from .handshake import KeyPair as KeyPair
from .handshake import Role as Role
from .messages import EMPTY_SEALED as EMPTY_SEALED
from .messages import NOTHING_SEALED as NOTHING_SEALED
from .messages import Announcement as Announcement
from .messages import ClockEntry as ClockEntry
from .messages import ConflictNotification as ConflictNotification
from .messages import ConflictResolution as ConflictResolution
from .messages import Credential as Credential
from .messages import Credentials as Credentials
from .messages import Extension as Extension
from .messages import Goodbye as Goodbye
from .messages import Hello as Hello
from .messages import HelloAck as HelloAck
from .messages import JoinRequest as JoinRequest
from .messages import JoinResponse as JoinResponse
from .messages import LeaveNotification as LeaveNotification
from .messages import Message as Message
from .messages import MessageType as MessageType
from .messages import OpenConflict as OpenConflict
from .messages import PayloadRequest as PayloadRequest
from .messages import PayloadResponse as PayloadResponse
from .messages import Ping as Ping
from .messages import Pong as Pong
from .messages import Probe as Probe
from .messages import ProbeResponse as ProbeResponse
from .messages import Range as Range
from .messages import RangeAnswer as RangeAnswer
from .messages import RangeEntries as RangeEntries
from .messages import RangePart as RangePart
from .messages import RangeParts as RangeParts
from .messages import RangeRequest as RangeRequest
from .messages import RangeResponse as RangeResponse
from .messages import Refusal as Refusal
from .messages import RefusalNotification as RefusalNotification
from .messages import Rejection as Rejection
from .messages import Summary as Summary
from .messages import SyncAck as SyncAck
from .messages import SyncRequest as SyncRequest
from .messages import SyncResponse as SyncResponse
from .messages import SyncStatus as SyncStatus
from .messages import clock_digest as clock_digest
from .messages import clock_sum as clock_sum
from .messages import clock_term as clock_term
from .messages import decode_message_untrusted as decode_message_untrusted
from .messages import encode_message as encode_message
from .messages import range_fingerprint as range_fingerprint
from .messages import range_sum as range_sum
from .messages import range_term as range_term
from .messages import sealed_digest as sealed_digest
from .messages import sealed_sum as sealed_sum
from .messages import sealed_term as sealed_term
from .records import AUTH_UNCHANGED as AUTH_UNCHANGED
from .records import INSERTED_TEXT as INSERTED_TEXT
from .records import NO_IDS as NO_IDS
from .records import NO_SUPERSEDED as NO_SUPERSEDED
from .records import OPTIONAL as OPTIONAL
from .records import Edit as Edit
from .records import EditInsert as EditInsert
from .records import LogDomain as LogDomain
from .records import Record as Record
from .records import RecordExtension as RecordExtension
from .records import RecordKind as RecordKind
from .records import Reference as Reference
from .records import SealedPayload as SealedPayload
from .records import Shape as Shape
from .records import Span as Span
from .records import Superseded as Superseded
from .records import body_of as body_of
from .records import branch_id as branch_id
from .records import check_key_untrusted as check_key_untrusted
from .records import clocks_taken as clocks_taken
from .records import decode_auth_untrusted as decode_auth_untrusted
from .records import decode_edit_untrusted as decode_edit_untrusted
from .records import decode_ids_untrusted as decode_ids_untrusted
from .records import decode_superseded_untrusted as decode_superseded_untrusted
from .records import encode_edit as encode_edit
from .records import encode_ids as encode_ids
from .records import encode_payload as encode_payload
from .records import encode_sealed_payload as encode_sealed_payload
from .records import encode_superseded as encode_superseded
from .records import extend as extend
from .records import extension_of_untrusted as extension_of_untrusted
from .records import is_extension_kind as is_extension_kind
from .records import is_membership_kind as is_membership_kind
from .records import is_optional_kind as is_optional_kind
from .records import keyed_hash as keyed_hash
from .records import log_id as log_id
from .records import newer_kind as newer_kind
from .records import parse_shape_untrusted as parse_shape_untrusted
from .records import payload_hash as payload_hash
from .records import record_bytes as record_bytes
from .records import sealed_payload as sealed_payload
from .records import shape_of as shape_of
from .records import sign_head as sign_head
from .records import split_payload_untrusted as split_payload_untrusted
from .records import statement_shape as statement_shape
from .records import verify_head_untrusted as verify_head_untrusted
from .records import verify_signature_untrusted as verify_signature_untrusted
from .session import NEED_DATA as NEED_DATA
from .session import Established as Established
from .session import Session as Session

__all__ = [
    "ACK_ENTRIES_MAX",
    "ANNOUNCEMENTS_MAX",
    "AUTH_HEADS_MAX",
    "AUTH_UNCHANGED",
    "BODY_FIXED_BYTES",
    "CAPABILITIES_MAX",
    "CAPABILITY_CHARS_MAX",
    "CBOR_DEPTH_MAX",
    "CBOR_VALUE_BYTES_MAX",
    "CLOCK_ENTRIES_MAX",
    "CLOCK_MAX",
    "CODE_MAX",
    "COLLECTIONS_MAX",
    "COLLECTION_CHARS_MAX",
    "COMPRESSED_BYTES_MIN",
    "CONFLICTS_MAX",
    "CREDENTIALS_MAX",
    "DEAD_AFTER_S",
    "DECODE_RATIO_MAX",
    "DEPS_MAX",
    "EDIT_UNITS_MAX",
    "EMPTY_SEALED",
    "ENGRAM_BYTES",
    "ENVELOPE_OVERHEAD_BYTES_MAX",
    "FINGERPRINT_BYTES",
    "GOODBYE_DEADLINE_S",
    "GRANT_BYTES_MAX",
    "HANDSHAKE_BYTES_MAX",
    "HANDSHAKE_DEADLINE_S",
    "HASH_BYTES",
    "HLC_MAX",
    "HLC_MIN",
    "INCARNATION_BYTES",
    "INSERTED_TEXT",
    "INSERT_UNITS_MAX",
    "KEY_BYTES",
    "KIND_MAX",
    "LABEL_BYTES_MAX",
    "LENGTH_PREFIX_BYTES",
    "MEMBERSHIP_KIND_MIN",
    "MESSAGE_BYTES_MAX",
    "MESSAGE_DEADLINE_S",
    "NAME_BYTES_MAX",
    "NEED_DATA",
    "NONCE_BYTES",
    "NOTHING_SEALED",
    "NO_IDS",
    "NO_SUPERSEDED",
    "OPTIONAL",
    "PAYLOAD_BYTES_MAX",
    "PAYLOAD_OF_MESSAGE_BYTES_MAX",
    "PING_INTERVAL_S",
    "PROBE_SEQS_MAX",
    "RANGES_MAX",
    "RANGE_PARTS_MAX",
    "REASON_BYTES_MAX",
    "REFUSALS_MAX",
    "REQUEST_MAX",
    "RESOLUTION_FRAMES_MAX",
    "RUN_BYTES_MAX",
    "RUN_RECORDS_MAX",
    "SALT_BYTES",
    "SEALED_MAX",
    "SEALED_NONCE_BYTES",
    "SECRET_KEY_BYTES",
    "SENDER_BYTES",
    "SEQ_MAX",
    "SHAPE_BYTES_MAX",
    "SIGNATURE_BYTES",
    "SUMMARIES_MAX",
    "SUPERSEDED_BYTES_MAX",
    "SUPERSEDED_MAX",
    "TRANSITIONS",
    "VERSIONS_MAX",
    "WANTED_PAYLOADS_MAX",
    "ZSTD",
    "Announcement",
    "ClockEntry",
    "CloseCode",
    "ConflictNotification",
    "ConflictResolution",
    "Credential",
    "Credentials",
    "DuplicateError",
    "Edit",
    "EditInsert",
    "Established",
    "Extension",
    "Frame",
    "Goodbye",
    "Hello",
    "HelloAck",
    "Input",
    "InvalidRecordError",
    "JoinRequest",
    "JoinResponse",
    "KeyPair",
    "LeaveNotification",
    "LimitError",
    "LocalProtocolError",
    "LogDomain",
    "MarkedPosition",
    "Message",
    "MessageType",
    "OpenConflict",
    "PayloadRequest",
    "PayloadResponse",
    "Ping",
    "Pong",
    "Probe",
    "ProbeResponse",
    "ProtocolError",
    "Range",
    "RangeAnswer",
    "RangeEntries",
    "RangePart",
    "RangeParts",
    "RangeRequest",
    "RangeResponse",
    "Record",
    "RecordExtension",
    "RecordKind",
    "Reference",
    "Refusal",
    "RefusalNotification",
    "Rejection",
    "Role",
    "SealedPayload",
    "Session",
    "Shape",
    "SignatureError",
    "Span",
    "State",
    "StrangerError",
    "Summary",
    "Superseded",
    "SyncAck",
    "SyncRequest",
    "SyncResponse",
    "SyncStatus",
    "VersionError",
    "WireError",
    "available_capabilities",
    "body_of",
    "branch_id",
    "cbor",
    "check_key_untrusted",
    "clock_digest",
    "clock_sum",
    "clock_term",
    "clocks_taken",
    "decode_auth_untrusted",
    "decode_edit_untrusted",
    "decode_frame_untrusted",
    "decode_ids_untrusted",
    "decode_message_untrusted",
    "decode_superseded_untrusted",
    "encode_edit",
    "encode_frame",
    "encode_ids",
    "encode_message",
    "encode_payload",
    "encode_sealed_payload",
    "encode_superseded",
    "extend",
    "extension_of_untrusted",
    "is_extension_kind",
    "is_membership_kind",
    "is_optional_kind",
    "is_printable",
    "keyed_hash",
    "log_id",
    "newer_kind",
    "parse_shape_untrusted",
    "payload_hash",
    "range_fingerprint",
    "range_sum",
    "range_term",
    "record_bytes",
    "sealed_digest",
    "sealed_payload",
    "sealed_sum",
    "sealed_term",
    "shape_of",
    "sign_head",
    "split_payload_untrusted",
    "split_runs",
    "statement_shape",
    "verify_frame_untrusted",
    "verify_head_untrusted",
    "verify_signature_untrusted",
]
