"""Opening a home: what is wrong with it, in one typed error, and nothing is changed."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from engram_sync.config import Config, NetworkConfig
from engram_sync.errors import (
    CorruptError,
    DegradedError,
    DeniedError,
    EngramError,
    NotFoundError,
    PreconditionError,
    UsageError,
)
from engram_sync.node import Node

CONFIG = Config()


def files(home: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in home.iterdir() if p.is_file() and p.name != "lock"}


async def founded(home: Path) -> Path:
    async with Node.open(home, config=CONFIG, services=()) as node:
        await node.remember("kept")
    return home


def foreign_file(home: Path) -> None:
    (home / "store.db").write_bytes(b"not a database at all, but long enough to be read" * 100)


def foreign_database(home: Path) -> None:
    (home / "store.db").unlink()
    database = sqlite3.connect(home / "store.db", isolation_level=None)
    database.execute("CREATE TABLE cookies (id)")
    database.close()


def newer_schema(home: Path) -> None:
    database = sqlite3.connect(home / "store.db", isolation_level=None)
    database.execute("PRAGMA user_version = 900")
    database.close()


def no_key(home: Path) -> None:
    (home / "node.key").unlink()


def garbled_key(home: Path) -> None:
    (home / "node.key").write_text("engram-key-1 ????")


def short_key(home: Path) -> None:
    (home / "node.key").write_text("engram-key-1 AAAA\n")


def binary_key(home: Path) -> None:
    (home / "node.key").write_bytes(b"\xff" * 60)


def other_text(home: Path) -> None:
    (home / "node.key").write_text("-----BEGIN PRIVATE KEY-----")


def another_key(home: Path) -> None:
    (home / "node.key").write_text("engram-key-1 " + "A" * 43 + "=\n")


def no_identity(home: Path) -> None:
    database = sqlite3.connect(home / "store.db", isolation_level=None)
    database.execute("DELETE FROM meta WHERE key = 'instance_id'")
    database.close()


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (foreign_file, CorruptError),
        (foreign_database, CorruptError),
        (newer_schema, PreconditionError),
        (no_key, CorruptError),
        (garbled_key, CorruptError),
        (short_key, CorruptError),
        (binary_key, CorruptError),
        (other_text, CorruptError),
        (another_key, CorruptError),
        (no_identity, CorruptError),
    ],
)
async def test_a_damaged_home_is_one_typed_error_and_stays_as_it_is(
    tmp_path: Path, damage: Callable[[Path], None], error: type[EngramError]
) -> None:
    home = await founded(tmp_path / "home")
    damage(home)
    before = files(home)
    with pytest.raises(error) as caught:
        async with Node.open(home, config=CONFIG, services=()):
            raise AssertionError
    assert type(caught.value) is error
    assert caught.value.hint
    assert files(home) == before


async def test_a_file_is_no_home(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(DeniedError, match="not a directory"):
        async with Node.open(tmp_path / "home", config=CONFIG, services=()):
            raise AssertionError


async def test_a_bad_label_makes_no_home(tmp_path: Path) -> None:
    for label in ("", "x" * 65, "a\nb"):
        with pytest.raises(UsageError):
            async with Node.open(tmp_path / "home", config=CONFIG, services=(), label=label):
                raise AssertionError
    assert not (tmp_path / "home").exists()


async def test_a_second_opener_is_told_the_process_of_the_first(tmp_path: Path) -> None:
    home = await founded(tmp_path / "home")
    async with Node.open(home, config=CONFIG, services=()) as node:
        with pytest.raises(DegradedError, match=f"process {os.getpid()}"):
            async with Node.open(home, config=CONFIG, services=()):
                raise AssertionError
        await node.remember("still open")


async def test_a_second_opener_may_wait_for_the_first(tmp_path: Path) -> None:
    home = await founded(tmp_path / "home")
    opened = trio.Event()

    async def first() -> None:
        async with Node.open(home, config=CONFIG, services=()):
            opened.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        await opened.wait()
        async with Node.open(home, config=CONFIG, services=(), lock_wait_s=30) as node:
            assert [e.content for e in await node.list()] == ["kept"]


@pytest.mark.slow
async def test_a_home_of_another_process_is_refused(tmp_path: Path) -> None:
    home = await founded(tmp_path / "home")
    async with trio.open_nursery() as nursery:
        start = partial(
            trio.run_process, stdin=subprocess.PIPE, stdout=subprocess.PIPE, capture_stdout=False
        )
        command = [sys.executable, "-c", _HOLD, str(home / "lock")]
        holder: trio.Process = await nursery.start(start, command)
        assert holder.stdout is not None
        assert (await holder.stdout.receive_some()).strip() == b"held"
        with pytest.raises(DegradedError, match=f"process {holder.pid}"):
            async with Node.open(home, config=CONFIG, services=()):
                raise AssertionError
        assert holder.stdin is not None
        await holder.stdin.aclose()
    async with Node.open(home, config=CONFIG, services=()) as node:
        assert len(await node.list()) == 1


_HOLD = """
import sys
from pathlib import Path
from engram_sync.store import HomeLock
with HomeLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="permissions work differently there")
async def test_what_is_secret_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    home = await founded(tmp_path / "home")
    assert home.stat().st_mode & 0o777 == 0o700
    for name in ("node.key", "store.db", "lock"):
        assert (home / name).stat().st_mode & 0o777 == 0o600


async def test_an_error_of_one_call_is_that_error_and_no_group(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        async with Node.open(tmp_path / "home", config=CONFIG, services=()) as node:
            await node.get("00000000-0000-0000-0000-000000000000")
    assert type(caught.value) is NotFoundError
    with pytest.raises(LookupError) as mine:
        async with Node.open(tmp_path / "home", config=CONFIG, services=()):
            raise LookupError
    assert type(mine.value) is LookupError


async def test_two_errors_at_once_stay_a_group(tmp_path: Path) -> None:
    async def failing(_: Node, *, task_status: "trio.TaskStatus[None]") -> None:
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            raise OSError

    with pytest.raises(ExceptionGroup):
        async with Node.open(tmp_path / "home", config=CONFIG, services=[failing]):
            raise LookupError


async def test_a_port_in_use_is_one_typed_error(tmp_path: Path) -> None:
    listen = Config(network=NetworkConfig(enabled=True, listen=("127.0.0.1:0",), mdns=False))
    async with Node.open(tmp_path / "a", config=listen, services=()) as a:
        taken = str((await a.status()).listen[0])
        same = Config(network=NetworkConfig(enabled=True, listen=(taken,), mdns=False))
        with pytest.raises(DegradedError, match="in use"):
            async with Node.open(tmp_path / "b", config=same, services=()):
                raise AssertionError
        quiet = Config(network=NetworkConfig(enabled=False, listen=(taken,), mdns=False))
        async with Node.open(tmp_path / "b", config=quiet, services=()) as b:
            with pytest.raises(DegradedError, match="in use"):
                await b.go_online()
            assert (await b.status()).network == "off"
            await b.remember("works all the same")


async def test_a_failing_service_ends_the_node_with_its_error(tmp_path: Path) -> None:
    async def broken(_: Node, *, task_status: "trio.TaskStatus[None]") -> None:
        raise DegradedError("no socket for me")

    with pytest.raises(DegradedError, match="no socket") as caught:
        async with Node.open(tmp_path / "home", config=CONFIG, services=[broken]):
            raise AssertionError
    assert type(caught.value) is DegradedError
    assert (await founded(tmp_path / "home")).exists()


async def test_two_nodes_sync_over_real_sockets(tmp_path: Path) -> None:
    config = Config(network=NetworkConfig(enabled=True, listen=("127.0.0.1:0",), mdns=False))
    async with (
        Node.open(tmp_path / "a", config=config, services=(), label="a") as a,
        Node.open(tmp_path / "b", config=config, services=(), label="b") as b,
    ):
        await b.join(await a.invite())
        await a.remember("Deploys go out on Tuesdays")
        assert (await b.sync(timeout_s=60)).state == "clean"
        assert [hit.engram.content for hit in await b.recall("deploys")] == [
            "Deploys go out on Tuesdays"
        ]
        await b.remember("over TLS")
        assert (await a.sync(timeout_s=60)).state == "clean"
        assert len(await a.list()) == 2


async def test_a_node_without_a_network_syncs_for_the_time_of_the_call(tmp_path: Path) -> None:
    up = Config(network=NetworkConfig(enabled=True, listen=("127.0.0.1:0",), mdns=False))
    async with (
        Node.open(tmp_path / "a", config=up, services=(), label="a") as a,
        Node.open(tmp_path / "b", config=CONFIG, services=(), label="b") as b,
    ):
        await b.join(await a.invite())
        await a.remember("one")
        async with trio.open_nursery() as nursery:
            states: list[str] = []

            async def sync() -> None:
                states.append((await b.sync(timeout_s=60)).state)

            for _ in range(3):
                nursery.start_soon(sync)
        assert states == ["clean"] * 3
        assert (await b.status()).network == "off"
        assert len(await b.list()) == 1
    async with Node.open(tmp_path / "b", config=CONFIG, services=()) as b:
        peer = (await b.peers())[0]
        assert (peer.via, peer.connected) == ("token", False)
        assert peer.address
        assert peer.last_success_ms is not None
        assert (await b.sync(timeout_s=30)).state == "failed"
        assert (await b.peers())[0].state == "unreachable"


@pytest.mark.skipif(sys.platform == "win32", reason="permissions work differently there")
async def test_a_place_where_no_witness_can_be_left_is_a_problem(
    tmp_path: Path, runtime: Path
) -> None:
    """Otherwise every start would begin new logs, and nobody would know why they grow."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    await trio.Path(runtime).symlink_to(elsewhere)
    async with Node.open(tmp_path / "home", config=CONFIG, services=()) as node:
        (problem,) = (await node.status()).problems
        assert "only this user can write to" in problem
        assert "ENGRAM_SYNC_RUNTIME_DIR" in problem
    assert not list(elsewhere.iterdir())
    await trio.Path(runtime).unlink()
    async with Node.open(tmp_path / "home", config=CONFIG, services=()) as node:
        assert not (await node.status()).problems
