"""What people are told to type settles the conflict that they see."""

import shlex
from pathlib import Path

import pytest
import trio

from engram_sync import Config, Node
from engram_sync.api import Conflict, Engram, Insert
from engram_sync.cli import cli
from engram_sync.cli._main import run_command
from engram_sync.cli._settling import settling
from engram_sync.config import NetworkConfig
from tests.control.fake_node import conflict

SEEN = f"{'f' * 36} --if-version v1.9"
CASES = [
    ("value", "content", (), [f"update {SEEN} --content TEXT"]),
    ("value", "title", (), [f"update {SEEN} --title TEXT"]),
    ("value", "metadata.in charge", ("in charge",), [f"update {SEEN} --meta 'in charge'=VALUE"]),
    ("value", "epistemic", (), [f"update {SEEN} --epistemic WORD"]),
    ("belief", "belief", ("it", "is on"), [f"update {SEEN} --belief it 'is on' OBJECT"]),
    ("episodic", "events", ("ab:1",), [f"update {SEEN} --amend ab:1=TEXT"]),
    (
        "episodic",
        "events",
        ("key", "mail 7"),
        [f"update {SEEN} --remove-event {'e' * 16}:{place}" for place in (0, 1)],
    ),
    ("skill", "skill", (), [f"update {SEEN} --refine TEXT"]),
    ("lifecycle", "life", (), [f"restore {SEEN}", f"forget {SEEN}"]),
    ("text", "content", (), [f"update {SEEN} --content TEXT"]),
]


@pytest.mark.parametrize(("kind", "field", "key", "commands"), CASES)
def test_every_kind_of_conflict_has_commands_that_settle_it(
    kind: str, field: str, key: tuple[str, ...], commands: list[str]
) -> None:
    assert [*settling(conflict(kind, field, ("one", "two"), key))] == commands


@pytest.mark.parametrize("command", [command for case in CASES for command in case[3]])
def test_what_is_told_can_be_typed(command: str) -> None:
    name, *words = shlex.split(command.replace("WORD", "observed"))
    context = cli.commands[name].make_context(name, words)
    assert context.params["if_version"] == "v1.9"
    assert context.params["ref"] == "f" * 36


async def disagree(home: Path, other: Path) -> None:
    """Make a conflict of every kind: two nodes change the same memories without each other."""
    network = NetworkConfig(enabled=True, listen=("127.0.0.1:0",), mdns=False)
    async with (
        Node.open(other, config=Config(network=network), services=()) as b,
        Node.open(home, config=Config(), services=()) as a,
    ):
        await a.join(await b.invite())
        apart = [await a.remember(f"kept apart {number}") for number in range(2)]
        value = await a.remember("value", metadata={"in charge": "nobody"})
        belief = await a.remember("belief")
        episode = await a.remember("episode", events=["it began"])
        skill = await a.remember("skill", skill={"name": "deploy", "steps": ["push"]})
        text = await a.remember("text", collaborative=True)
        assert (await a.sync()).state == "clean"
        for node, word in ((a, "one"), (b, "two")):
            await node.update(value.id, content=word, title=word, metadata={"in charge": word})
            await node.update(value.id, epistemic=GROUND[word])
            opinion = {"subject": "it", "relation": "is on", "object": word}
            await node.update(belief.id, believe=opinion)
            await node.update(episode.id, amend_events={episode.events[0].id: word})
            await node.update(episode.id, add_events=[{"key": "mail 7", "text": word}])
            await node.update(skill.id, refine={"text": word})
        await a.update(text.id, content="replaced")
        await b.update(text.id, edits=[Insert(0, "an edit of a ")])
        for memory in apart:
            await a.forget(memory.id)
            await b.update(memory.id, content=f"{memory.content}, and changed")
        await a.sync()


GROUND = {"one": "observed", "two": "inferred"}


async def open_conflicts(home: Path) -> list[Conflict]:
    async with Node.open(home, config=Config(), services=()) as node:
        return [*await node.conflicts()]


async def everything(home: Path) -> list[Engram]:
    async with Node.open(home, config=Config(), services=()) as node:
        return [*await node.list(life=None)]


@pytest.mark.slow
def test_typing_what_is_told_leaves_no_conflict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENGRAM_SYNC_RUNTIME_DIR", str(tmp_path / "run"))
    home = tmp_path / "home"
    trio.run(disagree, home, tmp_path / "other")
    found = trio.run(open_conflicts, home)
    assert {one.kind for one in found} == {
        *("value", "belief", "episodic", "skill", "lifecycle", "text")
    }
    settled: set[str] = set()
    kept = True
    while found:
        one = found[0]
        assert one.id not in settled, one
        settled.add(one.id)
        commands = settling(one)
        # Of a lifecycle conflict once the one and once the other.
        command = commands[0] if kept or one.kind != "lifecycle" else commands[1]
        kept = kept and one.kind != "lifecycle"
        words = shlex.split(command.replace("WORD", "retracted"))
        assert run_command(["--home", str(home), *words]) == 0, (command, capsys.readouterr())
        found = trio.run(open_conflicts, home)
    assert len(settled) == 11
    lives = sorted(str(engram.life) for engram in trio.run(everything, home))
    assert lives == ["active"] * 6 + ["deleted"]
