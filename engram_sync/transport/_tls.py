"""TLS 1.3: it hides the bytes and gives both ends a channel binding.

Without an authority (``_authority``) it authenticates nobody.  Who the peer is, the handshake
above proves with node keys over the channel binding (the SHA-256 of the server's certificate); a
man in the middle has another certificate.  So the certificate is made for the process, names
nobody and is never checked.

A reconnect costs about 820 bytes of TLS (measured): one X25519 group instead of a list (post-
quantum groups alone add 2.2 KB, and a recorded session would have to be worth a quantum computer),
no middlebox compatibility records, no session tickets, no server name, a certificate of 240 bytes.
"""

import datetime as dt
import hashlib
import os
import re
import secrets
import ssl
import tempfile
from contextlib import suppress
from pathlib import Path

import trio
from trio.abc import HalfCloseableStream, Stream

from ._authority import Authority, nodes_named
from ._limits import CLOSE_S_MAX, RECEIVE_BYTES, STRANGER_RECEIVE_BYTES

_GROUPS = ("X25519", "prime256v1")


class ServerIdentity:
    """The listening side's TLS context, with a key that exists in this process only.

    Making one blocks for a few milliseconds (a key, a temporary file): do it in a thread.

    Args:
        authority: Certificates to show and to demand instead.

    Raises:
        UsageError: A file of the authority cannot be used.
    """

    def __init__(self, authority: Authority | None = None) -> None:
        self.context = _context(ssl.PROTOCOL_TLS_SERVER)
        self.context.num_tickets = 0
        if authority is not None:
            authority.equip(self.context)
            self.channel_binding = authority.binding()
            return
        certificate, certificate_pem, key_pem, password = _self_signed()
        self.channel_binding = hashlib.sha256(certificate).digest()
        # `ssl` takes keys from files only.  The directory is private (0700), the key in it is
        # encrypted, and both are gone when this returns.
        with tempfile.TemporaryDirectory(prefix="engram-sync-") as directory:
            path = Path(directory) / "channel.pem"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(certificate_pem + key_pem)
            self.context.load_cert_chain(path, password=password)


def client_context(authority: Authority | None = None) -> ssl.SSLContext:
    """The dialling side's TLS context.

    Raises:
        UsageError: A file of the authority cannot be used.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if authority is not None:
        authority.equip(context)
    return context


def certificate_problem(error: BaseException | None) -> str:
    """What is wrong with the peer's certificate; empty when ``error`` has another cause."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        if isinstance(error, ssl.SSLError) and error.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
            return "there is none"
        error = error.__cause__
    return ""


_ALERT = re.compile(r"ALERT_((?:BAD_|UNSUPPORTED_)?CERTIFICATE\w*|UNKNOWN_CA|ACCESS_DENIED)")
"""How OpenSSL names an alert of the peer that is about our certificate (RFC 8446 section 6.2)."""


def certificate_alert(error: BaseException | None) -> str:
    """Why the peer refuses our certificate, in the words of TLS; empty when it does not say so.

    A server checks the client's certificate after the client has gone on, so that this is told to
    the first one who reads from the link.
    """
    while error is not None:
        if isinstance(error, ssl.SSLError):
            alert = _ALERT.search(error.reason or "")
            return alert[1].lower().replace("_", " ") if alert else ""
        error = error.__cause__
    return ""


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_NO_TICKET
    # Spells the same handshake like TLS 1.2 for the sake of web proxies: 77 bytes for nothing.
    context.options &= ~ssl.OP_ENABLE_MIDDLEBOX_COMPAT
    for group in _GROUPS:
        try:
            context.set_ecdh_curve(group)
        except (ValueError, ssl.SSLError):
            continue  # A build restricted to NIST curves has no X25519.
        break
    return context


def _self_signed() -> tuple[bytes, bytes, bytes, bytes]:
    # Imported here: it takes 0.1 s, and a program that only dials never needs it.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    nobody = x509.Name([])
    # The same dates in every certificate: nobody checks them, and the real ones would tell a
    # stranger when this process started.
    certificate = (
        x509.CertificateBuilder()
        .subject_name(nobody)
        .issuer_name(nobody)
        .serial_number(1)
        .public_key(key.public_key())
        .not_valid_before(dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2049, 12, 31, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
    )
    password = secrets.token_hex(32).encode()
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )
    return (
        certificate.public_bytes(serialization.Encoding.DER),
        certificate.public_bytes(serialization.Encoding.PEM),
        key_pem,
        password,
    )


class _WideStream(Stream):
    """The TCP stream as TLS sees it: reads `RECEIVE_BYTES` where trio would read less, but little
    until the peer is known.
    """

    def __init__(self, tcp: HalfCloseableStream) -> None:
        self._tcp = tcp
        self.receive_bytes = STRANGER_RECEIVE_BYTES

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._tcp.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._tcp.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._tcp.receive_some(self.receive_bytes if max_bytes is None else max_bytes)

    async def aclose(self) -> None:
        await self._tcp.aclose()


class TlsStream(Stream):
    """A TLS connection whose close is graceful but bounded."""

    def __init__(
        self, tcp: HalfCloseableStream, context: ssl.SSLContext, *, server_side: bool
    ) -> None:
        # https_compatible stays off: an end without the peer's notice is a cut, not an end.
        self._tcp = tcp
        self._wide = _WideStream(tcp)
        self._tls = trio.SSLStream(self._wide, context, server_side=server_side)

    async def do_handshake(self) -> None:
        """Raises `trio.BrokenResourceError` when the peer speaks anything but TLS 1.3."""
        try:
            await self._tls.do_handshake()
        except trio.BrokenResourceError:
            await self._say_why()
            raise

    async def _say_why(self) -> None:
        """Send the alert that tells the peer why its handshake failed; trio keeps it to itself."""
        outgoing: object = getattr(self._tls, "_outgoing", None)
        alert = outgoing.read() if isinstance(outgoing, ssl.MemoryBIO) else b""
        with trio.move_on_after(CLOSE_S_MAX), suppress(trio.BrokenResourceError):
            await self._tcp.send_all(alert)
            await self._tcp.send_eof()
            # What was sent is lost to a peer whose last words are not read before the close.
            while await self._tcp.receive_some(STRANGER_RECEIVE_BYTES):
                pass

    def widen(self) -> None:
        """Read `RECEIVE_BYTES` at once from now on: the peer is known."""
        self._wide.receive_bytes = RECEIVE_BYTES

    def server_binding(self) -> bytes:
        """SHA-256 of the certificate that the server showed; on the dialling side only."""
        certificate: bytes = self._tls.getpeercert(binary_form=True)
        return hashlib.sha256(certificate).digest()

    def nodes_named(self) -> frozenset[str]:
        """Ids of the nodes that the peer's certificate names; it was checked."""
        return nodes_named(self._tls.getpeercert())

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """See `trio.abc.SendStream`."""
        await self._tls.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """See `trio.abc.SendStream`."""
        await self._tls.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """See `trio.abc.ReceiveStream`."""
        return await self._tls.receive_some(
            self._wide.receive_bytes if max_bytes is None else max_bytes
        )

    async def aclose(self) -> None:
        """Tell the peer, then close; without telling after `CLOSE_S_MAX` seconds."""
        with trio.move_on_after(CLOSE_S_MAX):
            await self._tls.aclose()
