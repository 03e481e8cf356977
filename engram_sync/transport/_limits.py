"""What a link may cost, with the reason of each figure."""

from typing import Final

RECEIVE_BYTES: Final = 1 << 18
"""Asked of the kernel per read: a quarter of the largest frame.  Larger brought nothing, trio's
own 64 KiB costs a wake-up every four TLS records."""

CONNECT_S_MAX: Final = 10.0
"""From the name to the accepted TCP connection.  Two lost SYNs (1 s + 2 s + 4 s) still pass."""

HANDSHAKE_S_MAX: Final = 5.0
"""The channel's handshake: two round trips and about 1 ms of arithmetic at each end."""

CLOSE_S_MAX: Final = 1.0
"""Sending the notice that ends a link, when the peer no longer reads."""

STRANGER_RECEIVE_BYTES: Final = 16 << 10
"""Asked of the kernel per read until the peer has proven its key: a TLS record of the largest
size, and three times the largest handshake message."""

STRANGERS_MAX: Final = 128
"""Inbound links whose peer has proven no key yet.  Each costs one descriptor and about 100 KiB
for at most a handshake's time; a fleet that restarts at once comes back in a few rounds."""

STRANGERS_PER_ADDRESS_MAX: Final = 32
"""Of those, from one IPv4 address or one IPv6 /64, so that one host cannot take all places.
Not lower, because all nodes of one machine, or behind one router, share an address."""

LINKS_PER_ADDRESS_MAX: Final = 128
"""Inbound links from one IPv4 address or one IPv6 /64, proven or not: half of what a node takes,
so that no host has them all, whatever number of keys it has proven."""

assert STRANGERS_PER_ADDRESS_MAX * 2 <= STRANGERS_MAX
assert STRANGERS_PER_ADDRESS_MAX < LINKS_PER_ADDRESS_MAX
assert STRANGER_RECEIVE_BYTES < RECEIVE_BYTES
assert HANDSHAKE_S_MAX <= CONNECT_S_MAX
