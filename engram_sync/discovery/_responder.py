"""The multicast sockets and the thread behind them.  Everything here blocks: call it in threads.

zeroconf is imported on first use: it takes 70 ms that a node without discovery need not spend.
"""

import asyncio
import concurrent.futures
import ipaddress
import logging
import socket
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from engram_sync.address import Address

from ._announcement import (
    SERVICE_TYPE,
    announced,
    interfaces_for,
    name_of_port,
    name_untrusted,
    properties,
)
from ._limits import RESOLVE_MS_MAX
from ._sightings import Mailbox

if TYPE_CHECKING:
    from zeroconf import ServiceBrowser, ServiceStateChange, Zeroconf

logger = logging.getLogger(__name__)

_GROUP: Final = ("224.0.0.251", 5353)  # RFC 6762, section 3.


class ResponderError(Exception):
    """Multicast cannot be used; the message says why."""


class Responder:
    """One use of zeroconf: open, announce, close.

    `close` may be called at any time from any thread, also while another call is under way in a
    thread that was given up; what that call opens afterwards it closes itself.

    Args:
        name: The random name to announce.
        mailbox: Told about announcements, from zeroconf's thread.
    """

    def __init__(self, name: str, mailbox: Mailbox) -> None:
        self._name = name
        self._mailbox = mailbox
        self._lock = threading.Lock()
        self._closed = False
        self._zeroconf: Zeroconf | None = None
        self._browser: ServiceBrowser | None = None
        self._announcing: concurrent.futures.Future[None] | None = None
        self._interfaces: list[str] = []
        self._loopback = False

    def open(self, listening: Sequence[Address], wanted: Sequence[str] | None) -> None:
        """Open the sockets and start listening for announcements.

        Raises:
            ResponderError: No interface to speak on, or the machine does not let us.
        """
        try:
            from zeroconf import Error, IPVersion, ServiceBrowser, Zeroconf
        except ImportError as error:
            raise ResponderError(f"the zeroconf package does not load ({error})") from error
        chosen = interfaces_for(listening, _own_addresses(), wanted)
        if not chosen:
            raise ResponderError("no address is listened on")
        self._interfaces = [one for one in chosen if _carries_multicast(one)]
        if not self._interfaces:
            raise ResponderError(f"no multicast on {', '.join(chosen)}")
        versions = {ipaddress.ip_address(one).version for one in self._interfaces}
        self._loopback = all(ipaddress.ip_address(one).is_loopback for one in self._interfaces)
        one_version = IPVersion.V4Only if versions == {4} else IPVersion.V6Only
        try:
            opened = Zeroconf(
                interfaces=list(self._interfaces),
                ip_version=IPVersion.All if len(versions) == 2 else one_version,
                use_asyncio=False,
            )
        except (OSError, Error) as error:
            raise ResponderError(f"cannot open the multicast sockets: {error}") from error
        with self._lock:
            if not self._closed:
                self._zeroconf = opened
                self._browser = ServiceBrowser(opened, SERVICE_TYPE, handlers=[self._on_change])
                return
        opened.close()
        raise ResponderError("stopped while opening")

    def announce(self, listening: Sequence[Address]) -> bool:
        """Announce the node until `close`.  Takes about 1.5 s, for the name is probed first.

        Returns:
            Whether there was anything to announce on these interfaces.

        Raises:
            ResponderError: The announcement was refused or could not be sent.
        """
        from zeroconf import Error, ServiceInfo

        where = announced(listening, self._interfaces)
        opened = self._zeroconf
        if not where or opened is None:
            return False
        infos = [
            ServiceInfo(
                SERVICE_TYPE,
                f"{name_of_port(self._name, number)}.{SERVICE_TYPE}",
                port=port,
                properties=properties(),
                # The default is the machine's name, which is nobody's business.  One per port,
                # because all addresses of a server are taken to have the same ports.
                server=f"{name_of_port(self._name, number)}.local.",
                parsed_addresses=hosts,
            )
            for number, (port, hosts) in enumerate(where)
        ]

        async def register(info: ServiceInfo) -> None:
            # zeroconf does not say what its awaitable returns.
            await (await opened.async_register_service(info))  # pyright: ignore[reportUnknownMemberType]

        async def register_all() -> None:
            await asyncio.gather(*map(register, infos))

        with self._lock:
            if self._closed or opened.loop is None:
                return False
            # Not `register_service`: that cannot be interrupted, and closing zeroconf meanwhile
            # leaves tasks behind that complain on stderr.
            self._announcing = asyncio.run_coroutine_threadsafe(register_all(), opened.loop)
        try:
            self._announcing.result()
        except concurrent.futures.CancelledError:
            return False
        except (OSError, Error, TimeoutError) as error:
            raise ResponderError(f"cannot announce: {error!r}") from error
        return True

    def close(self) -> None:
        """Say goodbye, stop the thread and close the sockets.  Idempotent."""
        with self._lock:
            self._closed = True
            opened, self._zeroconf = self._zeroconf, None
            browser, self._browser = self._browser, None
        if self._announcing is not None:
            self._announcing.cancel()
        if browser is not None:
            browser.cancel()
        if opened is not None:
            opened.close()

    def _on_change(
        self,
        zeroconf: "Zeroconf",
        service_type: str,
        name: str,
        state_change: "ServiceStateChange",
    ) -> None:
        """Called in the browser's thread, for one announcement after the other."""
        from zeroconf import ServiceInfo, ServiceStateChange

        label = name_untrusted(name)
        if label is None:
            self._mailbox.ignored += 1
            return
        if state_change is ServiceStateChange.Removed:
            self._mailbox.withdrawn(label)
            return
        if not self._mailbox.wants(label):
            return
        info = ServiceInfo(service_type, name)
        if not info.load_from_cache(zeroconf):
            try:
                info.request(zeroconf, RESOLVE_MS_MAX)
            # zeroconf raises what its loop raised, of any type; this is its thread's last frame,
            # and an exception would end the thread and with it all discovery.
            except Exception:
                logger.debug("an announcement could not be resolved", exc_info=True)
        self._mailbox.announced(
            label,
            info.port,
            info.parsed_scoped_addresses(),
            dict(info.properties),
            loopback=self._loopback,
        )


def _own_addresses() -> list[str]:
    import ifaddr

    return [
        # IPv6 comes with flow and scope.
        one.ip if isinstance(one.ip, str) else one.ip[0]
        for adapter in ifaddr.get_adapters()
        for one in adapter.ips
    ]


def _carries_multicast(interface: str) -> bool:
    """Whether the system would send to the multicast group there.

    zeroconf itself skips an interface that does not work, and then reports success.
    """
    try:
        ip = ipaddress.ip_address(interface)
    except ValueError:
        return False
    if ip.version == 6:
        return not ip.is_loopback  # zeroconf cannot use ::1.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            ours = socket.inet_aton(interface)
            probe.bind((interface, 0))
            probe.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, ours)
            probe.setsockopt(
                socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(_GROUP[0]) + ours
            )
            probe.connect(_GROUP)  # Looks for a route; a datagram socket sends nothing here.
        except OSError:
            return False
    return True
