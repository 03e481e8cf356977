"""With an authority: who has no certificate of it does not get in, and finds out why."""

import ssl
from pathlib import Path

import pytest
import trio

from engram_sync.errors import UsageError
from engram_sync.transport import (
    Address,
    Authority,
    CertificateError,
    Link,
    TcpTransport,
    UnreachableError,
    certificate_alert,
)

from .authorities import ALICE, BOB, TestAuthority, plain_client
from .worlds import serving

ANY = [Address("127.0.0.1", 0)]


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path)


async def greet(link: Link) -> None:
    await link.stream.send_all(" ".join(sorted(link.names or ())).encode())
    async for _ in link.stream:
        pass


async def refusal(server: Authority, client: Authority | None) -> Exception:
    """Why a client does not hear from a server; raised outside of the server's nursery."""
    async with serving(TcpTransport(authority=server), ANY, greet) as [address]:
        try:
            link = await TcpTransport(authority=client).connect(address)
        except UnreachableError as error:
            return error
        try:
            await link.stream.receive_some()
        except trio.BrokenResourceError as error:
            return error
        finally:
            await trio.aclose_forcefully(link.stream)
    raise AssertionError("they talk")


async def test_nodes_of_one_authority_see_each_others_names(authority: TestAuthority) -> None:
    alice, bob = authority.issue(ALICE), authority.issue(BOB, "bobs-second")
    async with serving(TcpTransport(authority=alice), ANY, greet) as [address]:
        link = await TcpTransport(authority=bob).connect(address)
        assert link.names == frozenset({ALICE})
        assert link.permits(ALICE)
        assert not link.permits(BOB)
        assert await link.stream.receive_some() == b"bob bobs-second"
        await link.aclose()


async def test_both_ends_hold_the_same_binding(authority: TestAuthority) -> None:
    bindings: list[bytes] = []

    async def note(link: Link) -> None:
        bindings.append(link.channel_binding)

    server = TcpTransport(authority=authority.issue(ALICE))
    async with serving(server, ANY, note) as [address]:
        link = await TcpTransport(authority=authority.issue(BOB)).connect(address)
        assert await link.stream.receive_some() == b""
        bindings.append(link.channel_binding)
        await link.aclose()
    assert bindings[0] == bindings[1]


async def test_without_an_authority_everybody_is_permitted() -> None:
    async with serving(TcpTransport(), ANY, greet) as [address]:
        link = await TcpTransport().connect(address)
        assert link.names is None
        assert link.permits("anybody")
        await link.aclose()


async def test_a_server_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    ours, theirs = TestAuthority(tmp_path, "ours"), TestAuthority(tmp_path, "theirs")
    error = await refusal(theirs.issue(ALICE, trusts=ours), ours.issue(BOB))
    assert isinstance(error, CertificateError)
    assert "its certificate is refused: unable to get local issuer" in error.message
    assert "same authority" in (error.hint or "")


async def test_a_client_of_an_unknown_authority_is_refused(tmp_path: Path) -> None:
    ours, theirs = TestAuthority(tmp_path, "ours"), TestAuthority(tmp_path, "theirs")
    error = await refusal(ours.issue(ALICE), theirs.issue(BOB, trusts=ours))
    assert certificate_alert(error) == "unknown ca"


async def test_an_expired_server_is_refused(authority: TestAuthority) -> None:
    error = await refusal(authority.issue(ALICE, expired=True), authority.issue(BOB))
    assert "its certificate is refused: certificate has expired" in str(error)


async def test_an_expired_client_is_refused(authority: TestAuthority) -> None:
    error = await refusal(authority.issue(ALICE), authority.issue(BOB, expired=True))
    assert certificate_alert(error) == "certificate expired"


async def test_a_client_without_a_certificate_is_refused(authority: TestAuthority) -> None:
    error = await refusal(authority.issue(ALICE), None)
    assert certificate_alert(error) == "certificate required"


async def test_a_server_without_an_authority_is_refused(authority: TestAuthority) -> None:
    async with serving(TcpTransport(), ANY, greet) as [address]:
        with pytest.raises(UnreachableError, match="certificate is refused"):
            await TcpTransport(authority=authority.issue(BOB)).connect(address)


@pytest.mark.filterwarnings("ignore:.*TLSv1_2.*:DeprecationWarning")
async def test_tls_1_2_is_refused_with_an_authority_too(authority: TestAuthority) -> None:
    transport = TcpTransport(authority=authority.issue(ALICE))
    async with serving(transport, ANY, greet) as [address]:
        raw = await trio.open_tcp_stream(address.host, address.port)
        old = trio.SSLStream(raw, plain_client(ssl.TLSVersion.TLSv1_2))
        with pytest.raises(trio.BrokenResourceError):
            await old.do_handshake()
        await trio.aclose_forcefully(raw)
    assert transport.statistics.handshakes_failed == 1


async def test_a_refused_client_never_reaches_the_handler(authority: TestAuthority) -> None:
    transport = TcpTransport(authority=authority.issue(ALICE))
    async with serving(transport, ANY, greet) as [address]:
        link = await TcpTransport().connect(address)
        with pytest.raises(trio.BrokenResourceError):
            await link.stream.receive_some()
        await trio.aclose_forcefully(link.stream)
    assert transport.statistics.accepted == 0
    assert transport.statistics.handshakes_failed == 1
    assert transport.statistics.certificates_refused == 1


@pytest.mark.parametrize(
    ("part", "setting"), [("ca", "tls_ca"), ("certificate", "tls_cert"), ("key", "tls_key")]
)
def test_a_missing_file_is_named_with_its_setting(
    authority: TestAuthority, part: str, setting: str, tmp_path: Path
) -> None:
    whole, nothing = authority.issue(ALICE), tmp_path / "nothing.pem"
    parts = {"ca": whole.ca, "certificate": whole.certificate, "key": whole.key}
    with pytest.raises(UsageError) as error:
        TcpTransport(authority=Authority(**(parts | {part: nothing})))
    assert f"network.{setting}: {nothing} does not give anything: no such file" in str(error.value)


def test_a_certificate_of_another_node_is_refused_before_it_is_shown(
    authority: TestAuthority,
) -> None:
    authority.issue(ALICE, BOB).require_own(ALICE)
    with pytest.raises(UsageError, match="names urn:engram-sync:node:bob, and not this") as error:
        authority.issue(BOB).require_own(ALICE)
    assert error.value.hint.endswith("URI:urn:engram-sync:node:alice")
    with pytest.raises(UsageError, match="names no node"):
        authority.issue().require_own(ALICE)


def test_a_file_without_certificates_is_named(authority: TestAuthority, tmp_path: Path) -> None:
    whole, junk = authority.issue(ALICE), tmp_path / "junk.pem"
    junk.write_text("no certificate")
    for parts in ((junk, whole.certificate, whole.key), (whole.ca, junk, whole.key)):
        with pytest.raises(UsageError, match=r"junk\.pem does not give"):
            TcpTransport(authority=Authority(*parts))


def test_the_key_of_another_certificate_is_refused(authority: TestAuthority) -> None:
    alice, bob = authority.issue(ALICE), authority.issue(BOB)
    with pytest.raises(UsageError, match="key values mismatch"):
        TcpTransport(authority=Authority(alice.ca, alice.certificate, bob.key))


def test_an_encrypted_key_is_refused_without_asking(
    authority: TestAuthority, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization

    whole = authority.issue(ALICE)
    key = serialization.load_pem_private_key(whole.key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(UsageError, match="the key is encrypted"):
        TcpTransport(authority=Authority(whole.ca, whole.certificate, locked))
