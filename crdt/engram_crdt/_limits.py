"""Limits and fixed sizes of a document, each with its reason."""

import re

ENGRAM_BYTES = 16
"""An engram id is a UUID."""

LOG_BYTES = 32
"""A log id is a BLAKE2b-256 hash."""

HASH_BYTES = 32
"""A payload hash is a BLAKE2b-256 hash."""

COLLECTION_BYTES_MAX = 64
"""Prefix, slash and 62 characters.  Below 128, so that its length is one byte in a Yjs update."""

COLLECTION_NAME = re.compile(r"[a-z]/[a-z0-9_-]{1,62}")
"""ASCII only: characters and bytes are the same number, and no two names look alike."""

CLIENT_MAX = (1 << 53) - 1
"""A Yjs client id must survive a JavaScript number."""

CLOCK_MAX = (1 << 31) - 1
"""Yjs clocks are 32-bit unsigned in yrs and are used as signed by other implementations."""

assert COLLECTION_BYTES_MAX < 128

SPAN_UNITS_MAX = 1 << 16
"""UTF-16 code units of one insert or deleted span: a page of a book has 3,000."""

BODY = "r/body"
"""The collection whose elements are generations of collaborative text."""
