"""The handshake of a new link: until it has ended, a peer costs a session and nothing else."""

import trio

from engram_sync.node.network.connection import ConnectionEnded
from engram_sync.transport import CertificateError, Link, certificate_alert
from engram_wire import (
    HANDSHAKE_BYTES_MAX,
    HANDSHAKE_DEADLINE_S,
    NEED_DATA,
    CloseCode,
    Established,
    Session,
    WireError,
)


async def authenticate(link: Link, session: Session) -> Established:
    """Run the handshake of DESIGN.md section 4 until the peer has proven its key.

    The initiator's own proof is left in the session: whoever finds out here that it has dialled
    a node twice leaves without having said who it is.

    Raises:
        ConnectionEnded: The peer is too slow, goes away or fails to prove its key.
        CertificateError: The peer does not accept this node's certificate.
    """
    with trio.move_on_after(HANDSHAKE_DEADLINE_S):
        try:
            await _send(link, session.start())
            while True:
                event = session.next_event()
                if isinstance(event, Established):
                    return event
                await _send(link, session.data_to_send())
                if event is not NEED_DATA:
                    raise ConnectionEnded(CloseCode.PROTOCOL, "a message before the handshake")
                data = await link.stream.receive_some(HANDSHAKE_BYTES_MAX)
                if not data:
                    raise ConnectionEnded(CloseCode.OK, "the peer left during the handshake")
                session.receive_data(bytes(data))
        except WireError as error:
            raise ConnectionEnded(error.code, str(error)) from error
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise _broken(link, error) from error
    raise ConnectionEnded(CloseCode.TIMEOUT, f"no handshake within {HANDSHAKE_DEADLINE_S:g} s")


async def _send(link: Link, data: bytes) -> None:
    if data:
        await link.stream.send_all(data)


def _broken(link: Link, error: Exception) -> ConnectionEnded | CertificateError:
    if alert := certificate_alert(error):
        return CertificateError(
            f"the node at {link.remote} does not accept this node's certificate: {alert}",
            hint="both nodes need network.tls_ca, network.tls_cert and network.tls_key",
        )
    return ConnectionEnded(CloseCode.OK, "the connection broke")
