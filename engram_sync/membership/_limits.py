"""Bounds of charters and invites, unit last."""

from typing import Final

from engram_wire import GRANT_BYTES_MAX, SHAPE_BYTES_MAX

LEADERS_MAX: Final = 32
"""Keys a charter may name as leaders; more join through admit records."""

SCOPE_KIND_CHARS_MAX: Final = 32
"""Length of a scope kind: ``instance``, ``agent``, ``collective``, ``universal`` today."""

PROTOCOL: Final = 2
"""Version of the protocol in which this program takes part."""

VERSION_MAX: Final = 255
"""Of a Hello, and so of what a charter may ask for."""

TERMS_MAX: Final = 32
"""Terms of one charter; two are known."""

OPTIONAL_TERM: Final = "?"
"""Begins the name of a charter's term that may be left alone by who does not know it."""

CUTOFFS_MAX: Final = 104
"""Cut-offs of one statement: what fits it.  Further ones stand in further statements."""

BOXES_MAX: Final = 64
"""Members to whom one statement gives the secret of an epoch; the others have their own."""

EPOCH_MAX: Final = (1 << 32) - 1
"""A new secret every second for a century."""

NONCE_BYTES: Final = 16
"""Makes two charters with the same founder and leaders two scopes."""

USES_MAX: Final = 10_000
"""How often one invite may be redeemed: a whole company in an afternoon."""

EXPIRES_MS_MAX: Final = 1 << 48
"""The range of milliseconds that an HLC and a UUIDv7 hold: past the year 10,000."""

BOX_BYTES: Final = 80
"""A secret of 32 bytes in a sealed box of libsodium."""

SEED_BYTES: Final = 32
CHECKSUM_BYTES: Final = 4
"""At the end of a token: a mistyped or cut one is told from a forged one."""

ADDRESSES_MAX: Final = 16
"""Addresses in a token: every interface of a well-connected machine."""

ADDRESS_CHARS_MAX: Final = 262
"""A host name of 253 characters, a port, a colon and brackets."""

TOKEN_CHARS_MAX: Final = 8192
"""Longest token looked at; all addresses at their longest fit."""

assert LEADERS_MAX * 34 + 300 <= SHAPE_BYTES_MAX
assert CUTOFFS_MAX * (34 + 9 + 34) + 100 <= SHAPE_BYTES_MAX
assert BOXES_MAX * (34 + 2 + BOX_BYTES) + 100 <= SHAPE_BYTES_MAX
assert 4 * (ADDRESSES_MAX * (ADDRESS_CHARS_MAX + 3) + 400) // 3 <= TOKEN_CHARS_MAX
assert GRANT_BYTES_MAX >= 400
