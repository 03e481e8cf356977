"""What announcements of strangers may cost, with the reason of each figure."""

from typing import Final

NAMES_MAX: Final = 256
"""Nodes remembered at a time, over all announcements heard: four times the nodes that one link
of a LAN is meant for.  Anyone on the LAN can announce, so more are dropped and counted."""

ADDRESSES_PER_NAME_MAX: Final = 8
"""Sightings made of one announcement: a laptop has two interfaces, IPv4 and IPv6 on each, and
temporary addresses.  Each may cost a dial."""

PORTS_MAX: Final = 8
"""Ports of one node that are announced; each is a name of its own to those who listen."""

PENDING_MAX: Final = 64
"""Sightings between the announcement thread and the node's own."""

RESOLVE_MS_MAX: Final = 1000
"""Asking for the port of a name that was announced without it.  Others wait meanwhile."""

START_S_MAX: Final = 5.0
"""Opening the sockets; then the node goes on without."""

STOP_S_MAX: Final = 2.0
"""Saying goodbye three times, 125 ms apart, and closing the sockets."""

assert RESOLVE_MS_MAX < STOP_S_MAX * 1000  # A resolution under way does not make the stop late.
