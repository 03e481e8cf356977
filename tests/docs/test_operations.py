"""docs/operations.md: its settings are the settings, and a restored copy does what it says."""

import re
import shutil
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from engram_sync import Config, Node
from engram_sync.cli._views import print_status
from engram_sync.config import SETTINGS, NetworkConfig, load_config
from engram_sync.config._strategies import BUILT_IN
from engram_sync.errors import CorruptError
from tests.docs.pages import ROOT, blocks, rows, section, text_of
from tests.docs.transcript import Player, steps

OPERATIONS = text_of(ROOT / "docs" / "operations.md")
BACKUP = ("store.db", "node.key")


@pytest.fixture(autouse=True)
def _own_runtime_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("ENGRAM_SYNC_RUNTIME_DIR", str(runtime))


def shown(value: object) -> str:
    """A setting's value as the page writes it."""
    if isinstance(value, tuple):
        return ", ".join(cast("tuple[str, ...]", value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


# -- settings --------------------------------------------------------------------------------


def test_the_settings_described_are_the_settings_there_are() -> None:
    described = {
        name.strip("`"): (variable.strip("`"), default.strip("`"))
        for name, variable, default, *_ in rows(section(OPERATIONS, "Settings").split("###")[0])
        if name.startswith("`")
    }
    defaults = Config()
    assert described == {
        name: (setting.env, shown(defaults.value(name))) for name, setting in SETTINGS.items()
    }


def test_the_example_of_a_settings_file_is_one(tmp_path: Path) -> None:
    first, second = (block.text for block in blocks(OPERATIONS) if block.language == "toml")
    (tmp_path / "config.toml").write_text(first + second)
    config = load_config(tmp_path)
    assert config.network.listen == ("192.168.1.20:7463",)
    assert config.log.level == "debug"
    assert config.strategies.of("title") == "lww"
    assert config.strategies.of("content", type="episodic") == "lww"
    assert config.strategies.of("content", type="episodic", category="drafts") == "lww-wall"


def test_the_words_of_status_are_the_words_that_are_documented() -> None:
    text = section(OPERATIONS, "What `status` says")
    words = {cells[0].strip("`") for cells in rows(text) if cells[0].startswith("`")}
    assert words == {
        *("online", "offline", "off"),
        *("synced", "syncing", "behind", "never", "alone"),
        *("mdns: …", "no other node of the agent can be reached; working locally"),
        "another copy of this node writes, or this one was rolled back: …",
        "another node with this node's key takes turns with it at …",
        "two nodes with the key of … take turns here",
        "this node is no member of the agent by the word of …",
        "a member refuses a record of this node; what follows reaches it within the hour",
        "a node with this node's key answers at …",
        "every start begins new logs, because …",
        "this home was of an earlier version and was written anew: …",
        *("owed", "missing", "fork", "erasure", "writer", "more", "let go", "cut off"),
    }


def test_the_strategies_that_are_documented_are_those_there_are() -> None:
    text = section(OPERATIONS, "Strategies")
    names = {cells[0].strip("`") for cells in rows(text) if cells[0].startswith("`")}
    assert names == {*BUILT_IN, "NAME@VERSION"}


# -- backups ---------------------------------------------------------------------------------


@asynccontextmanager
async def node(
    home: Path, *, listen: bool = False, peer: str | None = None
) -> AsyncGenerator[Node]:
    network = NetworkConfig(
        enabled=listen,
        listen=("127.0.0.1:0",),
        peers=() if peer is None else (peer,),
        mdns=False,
    )
    async with Node.open(home, config=Config(network=network), services=()) as opened:
        yield opened


async def address(of: Node) -> str:
    return (await of.status()).listen[0]


async def contents(of: Node) -> set[str]:
    return {engram.content for engram in await of.list()}


def keep(home: Path, backup: Path, names: tuple[str, ...] = BACKUP) -> None:
    backup.mkdir()
    for name in names:
        shutil.copy(home / name, backup / name)


@pytest.mark.slow
async def test_an_old_copy_loses_nothing_that_a_peer_received(tmp_path: Path) -> None:
    home, other, backup = (tmp_path / name for name in ("A", "B", "backup"))
    async with node(home, listen=True) as a, node(other) as b:
        engram = await a.remember("Deploys go out on Tuesdays")
        await b.join(await a.invite())
        assert (await b.sync()).state == "clean"
    assert {path.name for path in home.iterdir()} == {*BACKUP, "lock"}
    keep(home, backup)

    async with node(other, listen=True) as b:
        async with node(home, peer=await address(b)) as a:
            before = (await a.status()).scopes[-1].logs
            await a.remember("written after the backup")
            await a.update(engram.id, content="Deploys go out on Wednesdays")
            assert (await a.sync()).state == "clean"
        shutil.rmtree(home)
        shutil.copytree(backup, home)
        async with node(home, peer=await address(b)) as a:
            assert await contents(a) == {"Deploys go out on Tuesdays"}
            await a.remember("written by the restored copy")
            await a.update(engram.id, content="Deploys go out on Thursdays")
            await a.sync()
            assert (
                (await contents(a))
                == (await contents(b))
                > {
                    "written after the backup",
                    "written by the restored copy",
                }
            )
            both = {sibling.value for sibling in (await b.get(engram.id)).siblings}
            assert both == {"Deploys go out on Wednesdays", "Deploys go out on Thursdays"}
            mine, theirs = await a.status(), await b.status()
            assert mine.problems == theirs.problems == ()
            assert mine.scopes[-1].digest == theirs.scopes[-1].digest
            assert mine.scopes[-1].logs == before + 1


@pytest.mark.slow
async def test_a_node_with_its_key_alone_gets_the_memories_back_by_joining(tmp_path: Path) -> None:
    home, other = tmp_path / "A", tmp_path / "B"
    async with node(home, listen=True) as a:
        async with node(other) as b:
            await b.join(await a.invite())
            await b.remember("kept by others")
            assert (await b.sync()).state == "clean"
            name = (await b.identity()).node
        (other / "store.db").unlink()
        async with node(other) as b:
            assert (await b.identity()).node == name
            assert await contents(b) == set()
            await b.join(await a.invite())
            await b.sync()
            assert await contents(b) == {"kept by others"}


async def test_a_store_without_its_key_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "A"
    async with node(home):
        pass
    (home / "node.key").unlink()
    with pytest.raises(CorruptError, match=r"no node\.key"):
        async with node(home):
            pass
    assert not (home / "node.key").exists()


@pytest.mark.slow
async def test_a_new_agent_brings_together_what_nodes_hold(tmp_path: Path) -> None:
    """What the page says to do when somebody else has a key; a memory of several becomes one."""
    async with (
        node(tmp_path / "A", listen=True) as a,
        node(tmp_path / "B") as b,
        node(tmp_path / "NEW", listen=True) as new,
    ):
        await a.remember("base")
        await b.join(await a.invite())
        await b.sync()
        await a.remember("only on A")
        await b.remember("only on B")
        token = await new.invite(uses=10)
        # While it dials, it may also meet A once more: then it brings what A holds as well.
        assert (await b.join(token, bring=True)).brought >= 2
        assert (await b.sync()).state == "clean"
        await a.join(token, bring=True)
        await a.sync()
        found = sorted(engram.content for engram in await new.list())
        assert found == ["base", "only on A", "only on B"]


def problems_shown() -> list[re.Pattern[str]]:
    """The problems that the page shows about copies, whatever the log, the name and the record."""
    shown: list[re.Pattern[str]] = []
    for block in blocks(section(OPERATIONS, "Copies of a home")):
        if block.text.startswith("problem"):
            text = re.escape(" ".join(block.text.split()[1:]))
            text = text.replace("0123456789abcdef", "[0-9a-f]{16}").replace("laptop", r"\S+")
            shown.append(re.compile(re.sub(r"record\\ \d+", r"record\\ \\d+", text)))
    return shown


@pytest.mark.slow
async def test_a_resumed_snapshot_forks_a_log_and_both_branches_live(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As for a virtual machine, the witness comes back together with the home."""
    home, copy, other = (tmp_path / name for name in ("A", "COPY", "B"))
    runtime, before = tmp_path / "run", tmp_path / "run before"
    forked, ended = problems_shown()
    async with node(other, listen=True) as b:
        async with node(home) as a:
            await a.join(await b.invite())
            await a.remember("before the snapshot")
            assert (await a.sync()).state == "clean"
        shutil.copytree(home, copy)
        shutil.copytree(runtime, before)
        async with node(home, peer=await address(b)) as a:
            await a.remember("written by the original")
            assert (await a.sync()).state == "clean"
        shutil.rmtree(runtime)
        shutil.copytree(before, runtime)
        async with node(copy, peer=await address(b)) as a:
            await a.remember("written by the resumed one")
            await a.sync()
            assert await contents(a) == await contents(b)
            assert len(await contents(b)) == 3
            mine, theirs = await a.status(), await b.status()
        assert mine.scopes[-1].digest == theirs.scopes[-1].digest
        assert mine.forks == theirs.forks
        assert any(forked.fullmatch(problem) for problem in theirs.problems), theirs.problems
        assert any(ended.fullmatch(problem) for problem in mine.problems), mine.problems
        (written,) = [m for m in await b.list() if m.content == "written by the original"]
        assert written.provenance.trust == 0
        print_status(await b.status())
        (row,) = [line for line in capsys.readouterr().out.splitlines() if line[:4] == "fork"]
        assert "forked into 2 branches after record" in row


# -- sessions --------------------------------------------------------------------------------


@pytest.fixture
def player(tmp_path: Path) -> Generator[Player]:
    runtime = str(tmp_path / "run")
    offline = {"ENGRAM_SYNC_NETWORK_MDNS": "false", "ENGRAM_SYNC_RUNTIME_DIR": runtime}
    player = Player(tmp_path, offline)
    yield player
    player.kill()


def play(player: Player, text: str) -> None:
    for step in steps(text):
        player.play(step)


TWO_NODES = """\
$ engram-sync --home A init --label laptop
…
$ engram-sync --home A up --listen 127.0.0.1:0
node xso6liycbnsekxccfwzvcu6kmi3so6ogf77lccw4tsklgsbqbifa (laptop)
$ engram-sync --home B init --label desktop
…
$ engram-sync --home B up --listen 127.0.0.1:0
node nc5qqg2hlovx5stqfbx43buos4nc4gysrnjoa4pm5xhna7cgc3ja (desktop)
$ engram-sync --home B invite
engram2.theFirstOne…
$ engram-sync --home A join engram2.theFirstOne…
…
$ engram-sync --home A remember "Deploys go out on Tuesdays"
…
$ engram-sync --home A sync
…
"""
"""What was there before: B leads, A has joined, both are up."""
AFTER_THE_BACKUP = """\
$ engram-sync --home A remember "written after the backup"
…
$ engram-sync --home A sync
…
"""
SESSIONS = (
    "Copies of a home",
    "Erasing a memory",
    "Looking after the store",
    "When something is damaged",
)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the sessions quote as a POSIX shell does")
@pytest.mark.parametrize("title", SESSIONS)
def test_a_session_prints_what_the_page_says(player: Player, title: str) -> None:
    play(player, TWO_NODES)
    (session,) = (b for b in blocks(section(OPERATIONS, title)) if b.language == "console")
    play(player, session.text)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the sessions quote as a POSIX shell does")
def test_a_backup_is_restored_as_the_page_says(player: Player) -> None:
    keeping, restoring = (b for b in blocks(section(OPERATIONS, "Backup")) if b.language)
    play(player, TWO_NODES + keeping.text + AFTER_THE_BACKUP + restoring.text)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl here")
@pytest.mark.skipif(sys.platform == "win32", reason="the sessions quote as a POSIX shell does")
def test_certificates_are_made_and_asked_for_as_the_page_says(player: Player) -> None:
    sessions = blocks(section(OPERATIONS, "Certificates of your own"))
    for session in sessions:
        play(player, session.text)
