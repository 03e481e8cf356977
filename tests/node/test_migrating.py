"""A home of the release before the formats were settled opens with everything that was live."""

import signal
import sqlite3
import subprocess
import sys
from base64 import b64encode
from contextlib import closing
from pathlib import Path

import pytest
import trio
from nacl.bindings import crypto_sign_seed_keypair

from engram_sync.api import Engram
from engram_sync.api.arguments import NewMemory
from engram_sync.config import Config
from engram_sync.errors import CorruptError, DegradedError, PreconditionError
from engram_sync.node import Node
from engram_sync.testing import Cluster, DirectoryHome, converged
from engram_wire.cbor import encode

from .format_1 import old_store, write_home

CONFIG = Config()
DESKTOP = "vsllhgfe53c7ktil2h3kxi7quguagubvyarcjtagsmzges5ywp3a"
LAPTOP_SHORT = "laptop (rw222wzm)"
WROTE_MS = 1_780_000_000_000
LATER_MS = 864_000_000
"""How far the clock was ahead that dated one of the memories."""
LIVES = ("active", "archived", "deleted")
IDS = {
    "A new text": "019e7044-8800-7b84-9dba-2a1eb82e7bbb",
    "on Wednesdays": "019e7044-8800-7ee9-bd7b-ebda62fdc658",
    "counted": "019e7044-8800-7975-a883-8c69bb204172",
    "skill": "019e7044-8800-713f-a39a-2aaac996ae0e",
    "beliefs": "019e7044-8800-73e8-9276-95074b90aaf3",
    "under a key": "9858a473-f7a8-846a-808c-12e89e93ba52",
    "deploys go out on Tuesdays": "019e7044-8800-7726-bdf4-57b9c26a7035",
    "written on the laptop": "019e7044-8800-7080-a387-95ab8245a0c6",
    "of this instance only": "019e7044-8800-7cfe-a5b9-61241c857bf8",
    "archived": "019e7044-8800-7795-a572-dc0ff4b62ae4",
    "edited meanwhile": "019e7044-8800-7e62-9cbc-824d68e86e63",
}
"""By content, of all that the old release showed as live."""


async def shown(node: Node) -> dict[str, Engram]:
    """What a node lists, by content."""
    found: dict[str, Engram] = {}
    for life in LIVES:
        for engram in await node.list(limit=100, life=life):
            found[engram.content] = engram
    return found


async def agent_contents(node: Node) -> list[str]:
    """What the current agent remembers."""
    found = [await node.list(limit=100, life=life, scope="agent") for life in LIVES]
    return sorted(engram.content for page in found for engram in page)


def names(home: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in home.glob(pattern))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return write_home(tmp_path / "home")


async def test_every_memory_that_was_live_is_there_under_its_id_with_its_dates(
    home: Path,
) -> None:
    async with Node.open(home, config=CONFIG, services=()) as node:
        found = await shown(node)
        ids = {content: engram.id for content, engram in found.items()}
        ahead = found["from the future"]
        assert ids == IDS | {"from the future": ahead.id}
        assert {e.created_at_ms for e in found.values()} == {WROTE_MS, ahead.created_at_ms}
        assert found["on Wednesdays"].updated_at_ms == WROTE_MS + 50
        assert ahead.created_at_ms - WROTE_MS >= LATER_MS
        assert (await node.identity()).node == DESKTOP
        assert (await node.identity()).label == "desktop"
        assert (await node.identity()).created_at_ms == WROTE_MS
        assert [hit.engram.content for hit in await node.recall("laptop")] == [
            "written on the laptop"
        ]


async def test_every_kind_of_value_is_there(home: Path) -> None:
    async with Node.open(home, config=CONFIG, services=()) as node:
        found = await shown(node)
        plain = found["deploys go out on Tuesdays"]
        assert (plain.title, plain.category, plain.tags) == ("deploys", "ops", ("ops",))
        assert (plain.confidence, plain.epistemic) == (0.25, "observed")
        assert plain.metadata == {"ticket": 4711, "nested": {"a": [1, None]}}
        assert found["beliefs"].belief[0]["object"] == "Tuesdays"
        assert [r.skill["steps"] for r in found["skill"].skill] == [["tag", "sign", "push"]]
        assert found["counted"].counters == {"used": 7, "failed": -1}
        assert found["under a key"].counters == {"seen": 3}
        private = found["of this instance only"]
        assert (private.scope, private.type) == ("instance", "episodic")
        assert [event.value for event in private.events] == ["built", {"red": 1}]
        assert (found["archived"].life, found["archived"].reason) == ("archived", "old")
        assert found["A new text"].collaborative
        counted = await node.update(found["counted"], count={"used": 1})
        assert counted.counters == {"used": 8, "failed": -1}


async def test_open_conflicts_stay_open_conflicts(home: Path) -> None:
    async with Node.open(home, config=CONFIG, services=()) as node:
        found = {conflict.engram: conflict for conflict in await node.conflicts()}
        values = {
            engram: {sibling.value for sibling in conflict.siblings}
            for engram, conflict in found.items()
        }
        assert values.keys() == {
            IDS["A new text"],
            IDS["on Wednesdays"],
            IDS["edited meanwhile"],
        }
        assert values[IDS["on Wednesdays"]] == {"on Wednesdays", "on Thursdays"}
        assert values[IDS["A new text"]] == {"A new text", ">> "}
        assert {"deleted: not needed", "edited meanwhile"} <= values[IDS["edited meanwhile"]]


async def test_who_wrote_what_another_node_signs_now_is_kept_beside_it(home: Path) -> None:
    async with Node.open(home, config=CONFIG, services=()) as node:
        found = await shown(node)
        assert found["written on the laptop"].metadata == {"written by": LAPTOP_SHORT}
        assert found["on Wednesdays"].metadata == {
            "written by": f"desktop (vsllhgfe), {LAPTOP_SHORT}"
        }
        assert found["beliefs"].metadata == {}


async def test_what_was_deleted_or_erased_does_not_come_back(home: Path) -> None:
    async with Node.open(home, config=CONFIG, services=()) as node:
        assert len(await shown(node)) == len(IDS) + 1
    for value in (b"rumour", b"door code", b"replaced on one node", b"on Mondays"):
        assert value not in (home / "store.db").read_bytes()


async def test_memories_of_an_earlier_agent_stay_in_one(home: Path) -> None:
    async with Node.open(home, config=CONFIG, services=()) as node:
        status = await node.status()
        assert status.earlier_memories == 1
        earlier = next(scope.id for scope in status.scopes if not scope.current)
        (hit,) = await node.recall("earlier", scope=earlier)
        assert hit.engram.content == "of the earlier agent"


async def test_a_source_key_finds_the_memory_that_it_named_before(home: Path) -> None:
    async with Node.open(home, config=CONFIG, services=()) as node:
        again = NewMemory("under a key", key="note-1", counters={"seen": 3})
        assert await node.remember_many([again]) == [IDS["under a key"]]
        changed = NewMemory("what it said at first", key="note-1")
        assert await node.remember_many([changed]) == [IDS["under a key"]]
        assert await node.remember_many([NewMemory("new", key="note-2")]) != []


async def test_the_old_file_is_kept_whole_and_named_until_it_is_deleted(home: Path) -> None:
    kept = home / "store-1.db"
    for _ in range(2):
        async with Node.open(home, config=CONFIG, services=()) as node:
            (problem,) = (await node.status()).problems
            assert "13 memories" in problem
            assert "`engram-sync join TOKEN`" in problem
            assert str(kept) in problem
            assert [c.name for c in (await node.doctor()).checks if not c.ok] == ["problems"]
        assert kept.read_bytes() == old_store()
    assert names(home, "*") == ["lock", "node.key", "store-1.db", "store.db"]
    kept.unlink()
    async with Node.open(home, config=CONFIG, services=()) as node:
        assert (await node.status()).problems == ()
        assert len(await shown(node)) == 12


async def test_records_that_no_row_shows_yet_are_brought_too(home: Path) -> None:
    with closing(sqlite3.connect(home / "store.db", isolation_level=None)) as database:
        database.execute("DELETE FROM eng")
        database.execute("UPDATE scope SET materialised = 0")
    async with Node.open(home, config=CONFIG, services=()) as node:
        found = await shown(node)
        assert {c: e.id for c, e in found.items() if c != "from the future"} == IDS
        assert len(await node.conflicts()) == 3


def fork_the_log_of(home: Path, engram: bytes) -> None:
    """Let a log be the branch of another one, as where its author's home was copied."""
    with closing(sqlite3.connect(home / "store.db", isolation_level=None)) as database:
        database.execute(
            "UPDATE log SET parent = n + 1 WHERE n = (SELECT max(id >> 40) FROM rec WHERE eid = ?)",
            (engram,),
        )


@pytest.mark.parametrize("behind", [False, True])
async def test_forked_logs_are_brought_as_they_were_shown_or_the_store_is_left_as_it_is(
    home: Path, behind: bool
) -> None:
    fork_the_log_of(home, bytes.fromhex(IDS["on Wednesdays"].replace("-", "")))
    if not behind:
        async with Node.open(home, config=CONFIG, services=()) as node:
            assert IDS.keys() <= (await shown(node)).keys()
        return
    with closing(sqlite3.connect(home / "store.db", isolation_level=None)) as database:
        database.execute("UPDATE scope SET materialised = 0")
    with pytest.raises(PreconditionError, match="in the middle of its work"):
        async with Node.open(home, config=CONFIG, services=()):
            pass
    assert names(home, "store*.db") == ["store.db"]


async def test_a_row_that_is_damaged_is_made_from_its_records(home: Path) -> None:
    with closing(sqlite3.connect(home / "store.db", isolation_level=None)) as database:
        database.execute("UPDATE eng SET view = x'00' WHERE view IS NOT NULL")
    async with Node.open(home, config=CONFIG, services=()) as node:
        assert IDS.keys() <= (await shown(node)).keys()
        assert len(await node.conflicts()) == 3


LONG = bytes(8) + encode(
    [
        [[bytes(32), 1]],
        [["r/body", 0, 0, WROTE_MS << 16, encode("label"), bytes(32), 1]],
        [[0, 0, "long" * 200_000]],
        [],
    ]
)
"""What is shown of a text that is longer than one record may hold."""


@pytest.mark.parametrize(
    ("change", "values", "lost", "said"),
    [
        ("UPDATE rec SET sups = x'ff'", [], "beliefs", "1 memories could not be brought"),
        (
            "UPDATE rec SET payload = NULL, phash = zeroblob(32)",
            [],
            "beliefs",
            "4 values were not held",
        ),
        ("UPDATE eng SET view = ?", [LONG], "counted", "1 memories could not be brought"),
    ],
    ids=["damaged", "not held", "too long"],
)
async def test_a_memory_that_cannot_be_brought_does_not_keep_the_others_away(
    home: Path, change: str, values: list[bytes], lost: str, said: str
) -> None:
    engram = bytes.fromhex(IDS[lost].replace("-", ""))
    with closing(sqlite3.connect(home / "store.db", isolation_level=None)) as database:
        database.execute(f"{change} WHERE eid = ?", [*values, engram])
    async with Node.open(home, config=CONFIG, services=()) as node:
        assert IDS.keys() - (await shown(node)).keys() == {lost}
        (problem,) = (await node.status()).problems
        assert "12 memories as they stood" in problem
        assert said in problem


async def test_a_store_of_another_key_is_left_as_it_is(home: Path) -> None:
    (home / "node.key").unlink()
    async with Node.open(home.with_name("other"), config=CONFIG, services=()):
        pass
    (home / "node.key").write_bytes((home.with_name("other") / "node.key").read_bytes())
    with pytest.raises(CorruptError, match="another node key"):
        async with Node.open(home, config=CONFIG, services=()):
            pass
    assert (home / "store.db").read_bytes() == old_store()
    assert not (home / "store-1.db").exists()


READS = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN")
database.execute("SELECT count(*) FROM rec").fetchone()
print("reading", flush=True)
sys.stdin.read()
"""


def test_a_store_that_another_program_reads_is_left_as_it_is(home: Path) -> None:
    async def open_it() -> None:
        async with Node.open(home, config=CONFIG, services=()) as node:
            assert len(await shown(node)) == len(IDS) + 1

    command = [sys.executable, "-c", READS, str(home / "store.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reading:
        assert reading.stdout is not None
        assert reading.stdout.readline() == b"reading\n"
        with pytest.raises(DegradedError, match="another program"):
            trio.run(open_it)
        reading.communicate()
    trio.run(open_it)


async def test_a_backup_that_is_put_back_is_migrated_again_and_both_files_are_kept(
    home: Path,
) -> None:
    async with Node.open(home, config=CONFIG, services=()) as node:
        await node.remember("after the migration")
    (home / "store.db").write_bytes(old_store())
    async with Node.open(home, config=CONFIG, services=()) as node:
        assert len(await shown(node)) == 12
    assert len(names(home, "store-1*.db")) == 2


STEPS = [
    *(("random", count) for count in (1, 5, 12, 18)),
    ("os.link", 1),
    *(("os.rename", count) for count in (1, 2)),
]
"""Before and while the new store is filled, before and after each change of a name."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
@pytest.mark.parametrize(("what", "times"), STEPS)
def test_a_process_killed_on_the_way_leaves_a_home_that_opens_with_everything(
    home: Path, what: str, times: int
) -> None:
    command = [sys.executable, "-m", "tests.node.dying", str(home), what, str(times)]
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()

    async def look() -> None:
        async with Node.open(home, config=CONFIG, services=()) as node:
            found = await shown(node)
            assert {c: e.id for c, e in found.items() if c != "from the future"} == IDS
            assert len(await node.conflicts()) == 3

    trio.run(look)
    assert names(home, "store-1*.db") == ["store-1.db"]
    assert (home / "store-1.db").read_bytes() == old_store()
    assert names(home, "store.new*") == []


async def test_what_another_member_has_already_is_not_brought_along_twice(
    cluster: Cluster, tmp_path: Path, autojump_clock: object
) -> None:
    """Both nodes of an agent migrated: they hold the same memories under the same ids."""
    cluster.homes["a"] = DirectoryHome(write_home(tmp_path / "a"))
    cluster.homes["b"] = DirectoryHome(write_home(tmp_path / "b"))
    # Another node that held the same: the key in its store and the one in its home are its own.
    public, secret = crypto_sign_seed_keypair(b"b" * 32)
    seed = b64encode(secret[:32]).decode()
    (tmp_path / "b" / "node.key").write_text(f"engram-key-1 {seed}\n")
    with closing(sqlite3.connect(tmp_path / "b" / "store.db", isolation_level=None)) as database:
        database.execute("UPDATE meta SET value = ? WHERE key = 'node_key'", (public,))
    async with cluster.open("a") as a, cluster.open("b") as b:
        changed = await b.update(IDS["counted"], content="changed on one of them")
        only = await b.remember("remembered on one of them")
        token = await a.invite()
        await b.join(token)
        await converged(a, b)
        held = await agent_contents(a)
        await b.join(token, bring=True)
        await converged(a, b)
        brought = {changed.content, only.content, "of the earlier agent"}
        assert await agent_contents(a) == await agent_contents(b) == sorted([*held, *brought])
