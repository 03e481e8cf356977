"""TLS with certificates of an authority: who is not named by it gets no further than TLS.

The node keys are proven above TLS all the same, so an authority can shut nodes out and can never
speak for one: besides a valid chain, the certificate must name the node that proves its key, as a
URI among its subject's alternative names (RFC 5280 section 4.2.1.6).
"""

import ssl
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from engram_sync.errors import UsageError

NODE_URI_PREFIX = "urn:engram-sync:node:"
"""Followed by the node's id: how a certificate names the node that may use it."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Where the certificates of a node are.

    Files in PEM, read when the transport is made and again at each start of the network, so that
    a renewed certificate needs a restart of the network and nothing else.
    """

    ca: Path
    """Certificates that are trusted to sign those of peers."""
    certificate: Path
    """This node's certificate, followed by those between it and the authority."""
    key: Path
    """Its private key, not encrypted."""

    def equip(self, context: ssl.SSLContext) -> None:
        """Make ``context`` show our certificate and demand one of the authority.

        Raises:
            UsageError: A file cannot be read, or does not hold what it must.
        """
        try:
            context.load_verify_locations(self.ca)
        except (OSError, ssl.SSLError) as error:
            raise _unusable("tls_ca", self.ca, "certificates to trust", error) from error
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ssl.SSLError, _EncryptedKeyError) as error:
            what = "a certificate and, in tls_key, its private key"
            raise _unusable("tls_cert", self.certificate, what, error) from error
        # Nodes are dialled at addresses that change; the node's id is what a certificate names.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED

    def binding(self) -> bytes:
        """SHA-256 of the certificate that this node shows as a server."""
        return sha256(ssl.PEM_cert_to_DER_cert(_first_certificate(self.certificate))).digest()


class _EncryptedKeyError(ValueError):
    """``ssl`` asked for a password."""


def _no_password() -> str:
    raise _EncryptedKeyError("the key is encrypted; store it without a password")


def _first_certificate(path: Path) -> str:
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    text = path.read_text("ascii", "replace")
    return text[text.index(begin) : text.index(end) + len(end)]


def _unusable(setting: str, path: Path, what: str, error: Exception) -> UsageError:
    reason = str(error) if isinstance(error, _EncryptedKeyError) else _reason(error)
    return UsageError(
        f"network.{setting}: {path} does not give {what}: {reason}",
        hint="tls_ca, tls_cert and tls_key are paths of PEM files and belong together",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not in PEM form").lower().replace("_", " ")
    return (getattr(error, "strerror", None) or str(error)).lower()


def nodes_named(certificate: "dict[str, object] | None") -> frozenset[str]:
    """Ids of the nodes that a checked certificate names.

    Args:
        certificate: As ``ssl.SSLSocket.getpeercert`` decodes it; None when there was none.
    """
    names = (certificate or {}).get("subjectAltName", ())
    if not isinstance(names, tuple):
        return frozenset()
    return frozenset(
        value.removeprefix(NODE_URI_PREFIX)
        for kind, value in names
        if kind == "URI" and value.startswith(NODE_URI_PREFIX)
    )
