"""TLS with certificates of an authority: who is not named by it gets no further than TLS.

The node keys are proven above TLS all the same, so an authority can shut nodes out and can never
speak for one: besides a valid chain, the certificate must name the node that proves its key, as a
URI among its subject's alternative names (RFC 5280 section 4.2.1.6).
"""

import ssl
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import cast

from engram_sync.errors import UsageError

NODE_URI_PREFIX = "urn:engram-sync:node:"
"""Followed by the node's id: how a certificate names the node that may use it."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Where the certificates of a node are.

    Files in PEM, read whenever a transport is made.
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
        self._check_readable()
        try:
            context.load_verify_locations(self.ca)
        except (OSError, ssl.SSLError) as error:
            raise _unusable("tls_ca", self.ca, "certificates to trust", error) from error
        try:
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ssl.SSLError, _EncryptedKeyError) as error:
            what = f"the certificate of the private key in {self.key}"
            raise _unusable("tls_cert", self.certificate, what, error) from error
        # Nodes are dialled at addresses that change; the node's id is what a certificate names.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED

    def _check_readable(self) -> None:
        # ``ssl`` itself does not say which of its files it could not read.
        for setting, path in (
            ("tls_ca", self.ca),
            ("tls_cert", self.certificate),
            ("tls_key", self.key),
        ):
            try:
                path.read_bytes()
            except OSError as error:
                raise _unusable(setting, path, "anything", error) from error

    def binding(self) -> bytes:
        """SHA-256 of the certificate that this node shows as a server."""
        return sha256(ssl.PEM_cert_to_DER_cert(_first_certificate(self.certificate))).digest()

    def require_own(self, node: str) -> None:
        """Check that the certificate is for the node that shows it: peers refuse any other.

        Raises:
            UsageError: It names another node, or none.
        """
        # Imported here: it takes 0.1 s, and only nodes with an authority need it.
        from cryptography import x509

        own = x509.load_pem_x509_certificate(_first_certificate(self.certificate).encode())
        try:
            found = own.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        except x509.ExtensionNotFound:
            uris: list[str] = []
        else:
            uris = found.value.get_values_for_type(x509.UniformResourceIdentifier)
        if NODE_URI_PREFIX + node not in uris:
            names = ", ".join(uris) or "no node"
            raise UsageError(
                f"network.tls_cert: {self.certificate} names {names}, and not this node",
                hint=f"among its subject's alternative names it needs URI:{NODE_URI_PREFIX}{node}",
            )


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
    # ``ssl`` lists the alternative names of a subject as pairs of kind and value.
    names = cast("tuple[tuple[str, str], ...]", (certificate or {}).get("subjectAltName", ()))
    return frozenset(
        value.removeprefix(NODE_URI_PREFIX)
        for kind, value in names
        if kind == "URI" and value.startswith(NODE_URI_PREFIX)
    )
