"""Nodes of one authority sync; everybody else is refused, and both sides can be told why."""

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from engram_sync.config import Config, NetworkConfig, SyncConfig
from engram_sync.errors import DegradedError, UsageError
from engram_sync.node import Environment, Node
from engram_sync.transport import Address, Authority, TcpTransport
from tests.transport.authorities import TestAuthority, plain_client

NOBODY = NetworkConfig(enabled=True, listen=("127.0.0.1:0",), mdns=False)


@pytest.fixture
def authority(tmp_path: Path) -> TestAuthority:
    return TestAuthority(tmp_path)


def settings(files: Authority | None, *peers: str) -> Config:
    network = replace(NOBODY, peers=peers)
    if files is not None:
        network = replace(
            network,
            tls_ca=str(files.ca),
            tls_cert=str(files.certificate),
            tls_key=str(files.key),
        )
    return Config(network=network, sync=SyncConfig(backoff_min_s=0.01, backoff_max_s=0.05))


@asynccontextmanager
async def opened(
    home: Path, files: Authority | None, *peers: str, environment: Environment | None = None
) -> AsyncGenerator[Node]:
    with trio.fail_after(60):
        async with Node.open(
            home,
            config=settings(files, *peers),
            services=(),
            label=home.name,
            environment=environment,
        ) as node:
            yield node


async def id_of(home: Path) -> str:
    async with Node.open(home, config=Config(), services=(), label=home.name) as node:
        return (await node.identity()).node


async def ids(tmp_path: Path) -> tuple[str, str]:
    return await id_of(tmp_path / "a"), await id_of(tmp_path / "b")


async def listening(node: Node) -> str:
    return (await node.status()).listen[0]


async def joined(tmp_path: Path) -> tuple[str, str]:
    """Two nodes that belong to one agent, and were joined without an authority."""
    async with opened(tmp_path / "a", None) as a, opened(tmp_path / "b", None) as b:
        await b.join(await a.invite())
        await b.sync()
        return (await a.identity()).node, (await b.identity()).node


async def problem_of(node: Node) -> str:
    """The first problem that its status shows, and nothing else."""
    while not (found := (await node.status()).problems):
        await node._core.wait_change()
    return found[0]


async def error_of(node: Node, words: str) -> str:
    """What it says, with those words in it, about the attempts to reach its only peer."""
    while words not in (found := (await node.peers())[0].last_error):
        await node._core.wait_change()
    return found


async def test_nodes_of_one_authority_join_and_sync(
    tmp_path: Path, authority: TestAuthority
) -> None:
    one, two = await ids(tmp_path)
    async with (
        opened(tmp_path / "a", authority.issue(one)) as a,
        opened(tmp_path / "b", authority.issue(two)) as b,
    ):
        await b.join(await a.invite())
        await a.remember("Deploys go out on Tuesdays")
        assert (await b.sync()).state == "clean"
        assert [e.content for e in await b.list()] == ["Deploys go out on Tuesdays"]
        assert (await a.status()).problems == (await b.status()).problems == ()
        assert a._controller.network.misnamed == 0


async def test_a_join_tells_that_the_authorities_differ(tmp_path: Path) -> None:
    ours, theirs = TestAuthority(tmp_path, "ours"), TestAuthority(tmp_path, "theirs")
    one, two = await ids(tmp_path)
    async with (
        opened(tmp_path / "a", ours.issue(one)) as a,
        opened(tmp_path / "b", theirs.issue(two)) as b,
    ):
        with pytest.raises(DegradedError, match=r"its certificate is refused: .*certificate"):
            await b.join(await a.invite())


CASES = {
    "a server of another authority": "its certificate is refused: unable to get local issuer",
    "a client of another authority": "does not accept this node's certificate: unknown ca",
    "an expired server": "its certificate is refused: certificate has expired",
    "an expired client": "does not accept this node's certificate: certificate expired",
    "a server without a certificate": "its certificate is refused: self-signed certificate",
    "a client without a certificate": "does not accept this node's certificate: certificate requ",
}


@pytest.mark.parametrize("case", CASES)
async def test_who_has_no_valid_certificate_is_refused_and_told_why(
    tmp_path: Path, authority: TestAuthority, case: str
) -> None:
    one, two = await joined(tmp_path)
    other = TestAuthority(tmp_path, "other")
    server: Authority | None = authority.issue(one)
    client: Authority | None = authority.issue(two)
    match case:
        case "a server of another authority":
            server = other.issue(one, trusts=authority)
        case "a client of another authority":
            client = other.issue(two, trusts=authority)
        case "an expired server":
            server = authority.issue(one, expired=True)
        case "an expired client":
            client = authority.issue(two, expired=True)
        case "a server without a certificate":
            server = None
        case _:
            client = None
    async with opened(tmp_path / "a", server) as a:
        address = await listening(a)
        async with opened(tmp_path / "b", client, address) as b:
            problem = await problem_of(b)
            assert address in problem
            assert CASES[case] in problem
            assert (await b.status()).health == "degraded"
            assert not (await b.peers())[0].connected
            await b.remember("works locally all the same")
        assert not (await a.peers())[0].connected


async def test_a_problem_with_certificates_goes_away_with_the_first_connection(
    tmp_path: Path, authority: TestAuthority
) -> None:
    one, two = await joined(tmp_path)
    async with opened(tmp_path / "a", authority.issue(one)) as a:
        address = await listening(a)
        files = authority.issue(two, expired=True)
        async with opened(tmp_path / "b", files, address) as b:
            await problem_of(b)
            # The same files, renewed: the next start of the network reads them.
            fresh = authority.issue(two)
            files.certificate.write_bytes(fresh.certificate.read_bytes())
            files.key.write_bytes(fresh.key.read_bytes())
            await b.go_offline()
            await b.go_online()
            assert (await b.sync()).state == "clean"
            assert (await b.status()).problems == ()


async def test_a_peer_with_the_certificate_of_another_node_is_refused(
    tmp_path: Path, authority: TestAuthority
) -> None:
    """Valid in the eyes of TLS: only the names show that somebody uses what is not his."""
    one, two = await joined(tmp_path)
    stolen = TcpTransport(authority=authority.issue("somebody-else"))
    environment = Environment(transport=lambda _network, _node: stolen)
    async with (
        opened(tmp_path / "a", authority.issue(one)) as a,
        opened(tmp_path / "b", None, await listening(a), environment=environment) as b,
    ):
        error = await error_of(a, "certificate")
        assert "is for somebody-else, and not for " + two in error
        assert not (await a.peers())[0].connected
        # b has been hung up on, and knows with which code.
        await error_of(b, "the peer said: stranger")
        while (peer := (await b.peers())[0]).connected:
            await b._core.wait_change()
        assert "no member" not in peer.last_error, "a has not looked whether it is one"
        assert peer.state != "refused"
        assert a._controller.network.misnamed >= 1


async def test_a_server_with_the_certificate_of_another_node_learns_nothing(
    tmp_path: Path, authority: TestAuthority
) -> None:
    one, two = await joined(tmp_path)
    stolen = TcpTransport(authority=authority.issue("somebody-else"))
    environment = Environment(transport=lambda _network, _node: stolen)
    async with opened(tmp_path / "a", None, environment=environment) as a:
        address = await listening(a)
        async with opened(tmp_path / "b", authority.issue(two), address) as b:
            problem = await problem_of(b)
            assert f"shown from {address} is for somebody-else, and not for {one}" in problem
            assert b._controller.network.misnamed >= 1
        # b left before it said who it is.
        assert not a._controller.network.connections
        assert (await a.peers())[0].last_error == ""


@pytest.mark.filterwarnings("ignore:.*TLSv1_2.*:DeprecationWarning")
async def test_tls_1_2_is_refused(tmp_path: Path, authority: TestAuthority) -> None:
    one, _ = await ids(tmp_path)
    async with opened(tmp_path / "a", authority.issue(one)) as a:
        address = Address.parse(await listening(a))
        raw = await trio.open_tcp_stream(address.host, address.port)
        old = trio.SSLStream(raw, plain_client(ssl.TLSVersion.TLSv1_2))
        with pytest.raises(trio.BrokenResourceError) as refused:
            await old.do_handshake()
        assert "PROTOCOL_VERSION" in str(refused.value.__cause__)
        await trio.aclose_forcefully(raw)
        assert not a._controller.network.connections


async def test_a_node_does_not_start_with_a_certificate_that_is_not_its_own(
    tmp_path: Path, authority: TestAuthority
) -> None:
    one, two = await ids(tmp_path)
    with pytest.raises(UsageError, match="and not this node") as error:
        async with opened(tmp_path / "a", authority.issue(two)):
            raise AssertionError
    assert one in error.value.hint
    partial = Config(network=replace(NOBODY, tls_ca="ca.pem"))
    with pytest.raises(UsageError, match=r"network\.tls_cert is missing"):
        async with Node.open(tmp_path / "a", config=partial, services=()):
            raise AssertionError


async def test_files_of_tls_are_looked_at_only_when_the_network_starts(tmp_path: Path) -> None:
    """A certificate that has gone must not keep anybody from his memories."""
    gone = Authority(*(tmp_path / name for name in ("ca", "cert", "key")))
    config = settings(gone)
    offline = replace(config, network=replace(config.network, enabled=False))
    async with Node.open(tmp_path / "a", config=offline, services=()) as a:
        await a.remember("here")
        with pytest.raises(UsageError, match=r"network\.tls_ca: .* no such file"):
            await a.go_online()
        assert [e.content for e in await a.list()] == ["here"]
