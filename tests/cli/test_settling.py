"""What people are told to type settles the conflict that they see."""

import shlex

import pytest

from engram_sync.cli import cli
from engram_sync.cli._settling import settling
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
