"""Certificates of a real authority (trustme), for nodes by their ids."""

import datetime as dt
import ssl
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from engram_sync.transport import NODE_URI_PREFIX, Authority

ALICE, BOB = "alice", "bob"


class TestAuthority:
    """One certificate authority, with the files of the nodes it has signed for."""

    __test__ = False

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self._ca = trustme.CA(organization_name=name)
        self._directory = directory / name
        self._directory.mkdir()
        self.file = self._directory / "ca.pem"
        self._ca.cert_pem.write_to_path(self.file)

    def issue(
        self, *nodes: str, expired: bool = False, trusts: "TestAuthority | None" = None
    ) -> Authority:
        """Certificate and key for ``nodes``, which trust this authority or another one."""
        key = ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        ends = now - dt.timedelta(days=1) if expired else now + dt.timedelta(days=1)
        issuer = x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())
        ca_key = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        assert isinstance(ca_key, ec.EllipticCurvePrivateKey)
        names = [x509.UniformResourceIdentifier(NODE_URI_PREFIX + node) for node in nodes]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuer.subject)
            .serial_number(x509.random_serial_number())
            .public_key(key.public_key())
            .not_valid_before(now - dt.timedelta(days=2))
            .not_valid_after(ends)
            .add_extension(x509.SubjectAlternativeName(names or [x509.DNSName("x")]), True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()),  # type: ignore[arg-type]  # its own key
                False,
            )
            .sign(ca_key, hashes.SHA256())
        )
        name = "-".join(nodes) or "nobody"
        paths = self._directory / f"{name}{expired}.pem", self._directory / f"{name}{expired}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return Authority((trusts or self).file, *paths)


def plain_client(version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client that speaks one version of TLS, shows no certificate and checks none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    return context
