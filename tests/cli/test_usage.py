"""What the command line says before it touches a node."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from engram_sync.cli import cli
from engram_sync.cli._main import run_command

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text()


def commands(group: click.Group = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*path, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


COMMANDS = sorted(commands())


def test_all_promised_commands_exist() -> None:
    promised = (
        "init id up down offline online remember recall get list update forget archive restore "
        "history conflicts import invite join peers sync status doctor compact config demo"
    )
    assert {path[0] for path in COMMANDS} == set(promised.split())


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_and_takes_the_global_options(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(cli, [*path, "--help"])
    assert result.exit_code == 0
    description = result.output.split("\n\n")[1].strip()
    assert len(description) > 10
    for option in ("--home", "--json", "--no-input", "--log-level", "--log-json"):
        assert option in result.output


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_and_its_own_options_are_in_the_docs(path: tuple[str, ...]) -> None:
    name = " ".join(path)
    assert re.search(rf"`{name}[` ]|^### `{path[0]} \[{path[-1]}", DOCS, re.MULTILINE), name
    command: click.Command = cli
    for word in path:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    for param in command.params:
        for option in (option for option in param.opts if option.startswith("--")):
            assert f"`{option}" in DOCS or f"[{option}" in DOCS, (name, option)


def test_every_documented_command_exists() -> None:
    headings = set(re.findall(r"^### `([a-z]+)", DOCS, re.MULTILINE))
    assert headings == {path[0] for path in COMMANDS}


def test_every_kind_in_the_docs_has_a_schema_and_the_other_way_round() -> None:
    from tests.cli.json_schema import kinds

    named = set(re.findall(r"[Kk]ind\s+`([a-z]+)`", DOCS))
    assert named == set(kinds())


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["nonsense"], "No such command 'nonsense'", "see: engram-sync --help"),
        (["remember"], "Missing argument 'CONTENT'", "see: engram-sync remember --help"),
        (["get"], "Missing argument 'ID'", "see: engram-sync get --help"),
        (["recall", "x", "--limit", "0"], "Invalid value for '--limit'", "recall --help"),
        (["sync", "--timeout", "soon"], "'soon' is not a duration", "sync --help"),
        (["invite", "--ttl", "0s"], "'0s' is not a duration", "invite --help"),
        (["invite", "--role", "king"], "'king' is not one of", "invite --help"),
        (["remember", "x", "--meta", "y"], "'y' is not KEY=VALUE", "remember --help"),
        (["remember", "x", "--confidence", "2"], "Invalid value for '--confidence'", "remember"),
        (["import", ".", "--shard", "4/3"], "'4/3' is not I/N", "import --help"),
        (["list", "--since", "once"], "'once' is not a time", "list --help"),
        (["get", "01234567", "--at", "noon"], "2h, '3 days ago', 2026-01-31", "get --help"),
        (["history", "01234567", "--at", "9999-01-01"], "lies in the future", "history --help"),
        (["update", "01234567", "--count", "a=b"], "is not NAME or NAME=N", "update --help"),
        (["update", "01234567", "--amend", "x"], "is not EVENT=TEXT", "update --help"),
        (["update", "01234567", "--insert", "x"], "is not POS:TEXT", "update --help"),
        (["update", "01234567", "--delete", "1:0"], "is not POS:LEN", "update --help"),
        (["remember", "x", "--epistemic", "reported"], "'reported' is not one of", "remember"),
        (["compact", "--keep-days", "-1"], "Invalid value for '--keep-days'", "compact --help"),
        (["config", "--nope"], "No such option", "config --help"),
    ],
)
def test_a_usage_error_says_what_is_wrong_and_where_to_look(
    arguments: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(arguments) == 2
    output, errors = capsys.readouterr()
    first, second = errors.splitlines()
    assert output == ""
    assert first.startswith("error: ")
    assert message in first
    assert second.startswith("       see: engram-sync")
    assert hint in second


def test_an_update_of_nothing_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["--home", str(tmp_path), "update", "01234567"]) == 2
    assert "nothing to change" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--not"], "--not says that a --belief does not hold"),
        (["--parent", "x"], "a new version of a skill says how it is done"),
        (["--skill", "deploy"], "a new version of a skill says how it is done"),
        (["--refine", "x", "--step", "y"], "a skill is a text or steps, not both"),
        (["--delete", "0:3", "--insert", "1:x"], "--insert 1 lies inside --delete 0:3"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["--home", str(tmp_path), "update", "01234567", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_skill_has_a_name_and_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--skill", "deploy"], ["--step", "tag"]):
        assert run_command(["--home", str(tmp_path), "remember", "x", *words]) == 2
        assert "give --skill NAME and --step TEXT" in capsys.readouterr().err


def test_a_usage_error_is_json_when_json_was_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from tests.cli.json_schema import check

    assert run_command(["get", "--json"]) == 2
    document = json.loads(capsys.readouterr().err)
    check(document)
    assert document["exit_code"] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["get", "01234567"],
        ["remember", "x"],
        ["recall", "x"],
        ["list"],
        ["status"],
        ["sync"],
        ["up"],
        ["invite"],
        ["down"],
    ],
    ids=lambda arguments: str(arguments[0]),
)
def test_a_home_that_was_never_initialised_is_an_error_and_stays_empty(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "typo"
    assert run_command(["--home", str(home), *arguments]) == 3
    errors = capsys.readouterr().err.splitlines()
    assert errors == [
        f"error: no engram-sync home at {home}",
        f"       create it with: engram-sync --home {home} init",
    ]
    assert not home.exists()


@pytest.mark.parametrize("word", ["invite", "offline", "online", "down"])
def test_what_needs_a_running_node_says_so(
    word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "store.db").touch()
    assert run_command(["--home", str(tmp_path), word]) == 6
    assert capsys.readouterr().err.splitlines() == [
        f"error: {word} needs a running node, and none runs for {tmp_path}",
        f"       start one: engram-sync --home {tmp_path} up",
    ]


def test_a_wrong_setting_is_an_error_that_names_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "store.db").touch()
    (tmp_path / "config.toml").write_text('[log]\nlevel = "loud"\n')
    assert run_command(["--home", str(tmp_path), "list"]) == 2
    assert f"{tmp_path / 'config.toml'}:2" in capsys.readouterr().err


def test_config_shows_where_a_value_came_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.cli.json_schema import check

    monkeypatch.setenv("ENGRAM_SYNC_SYNC_PING_S", "7")
    assert run_command(["--home", str(tmp_path), "config", "show", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    check(document)
    assert document["settings"]["sync.ping_s"] == {
        "value": 7.0,
        "origin": "ENGRAM_SYNC_SYNC_PING_S",
    }
    assert run_command(["--home", str(tmp_path), "--log-level", "debug", "config"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"log\.level\s+debug\s+flag", shown)


def test_config_shows_the_strategies_of_types_and_categories(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.cli.json_schema import check

    text = '[strategies.semantic]\ncontent = "lww"\n'
    text += '[strategies.categories.notes]\ntitle = "lww-wall"\n'
    (tmp_path / "config.toml").write_text(text)
    assert run_command(["--home", str(tmp_path), "config", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    check(document)
    assert document["settings"]["strategies.content"]["value"] == "mvr"
    assert document["settings"]["strategies.semantic.content"] == {
        "value": "lww",
        "origin": f"{tmp_path / 'config.toml'}:2",
    }
    assert document["settings"]["strategies.categories.notes.title"]["value"] == "lww-wall"
    assert run_command(["--home", str(tmp_path), "config"]) == 0
    assert "of the category notes alone" in capsys.readouterr().out
