"""Bounds of charters and invites, unit last."""

from typing import Final

from engram_wire import GRANT_BYTES_MAX, SHAPE_BYTES_MAX

LEADERS_MAX: Final = 32
"""Keys a charter may name as leaders; more join through admit records."""

SCOPE_KIND_CHARS_MAX: Final = 32
"""Length of a scope kind: ``instance``, ``agent``, ``collective``, ``universal`` today."""

NONCE_BYTES: Final = 16
"""Makes two charters with the same founder and leaders two scopes."""

USES_MAX: Final = 10_000
"""How often one invite may be redeemed: a whole company in an afternoon."""

EXPIRES_MS_MAX: Final = 1 << 48
"""The range of milliseconds that an HLC and a UUIDv7 hold: past the year 10,000."""

SEED_BYTES: Final = 32
CHECKSUM_BYTES: Final = 4
"""At the end of a token: a mistyped or cut one is told from a forged one."""

ADDRESSES_MAX: Final = 16
"""Addresses in a token: every interface of a well-connected machine."""

ADDRESS_CHARS_MAX: Final = 262
"""A host name of 253 characters, a port, a colon and brackets."""

TOKEN_CHARS_MAX: Final = 8192
"""Longest token looked at; all addresses at their longest fit."""

assert LEADERS_MAX * 34 + 200 <= SHAPE_BYTES_MAX
assert 4 * (ADDRESSES_MAX * (ADDRESS_CHARS_MAX + 3) + 400) // 3 <= TOKEN_CHARS_MAX
assert GRANT_BYTES_MAX >= 400
