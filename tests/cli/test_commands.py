"""Every command against a node that runs for the home (a fake one, in another thread)."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engram_sync.cli._main import run_command
from tests.cli.json_schema import check
from tests.control.fake_node import AGENT, NODE, FakeNode

Run = Callable[..., Any]


@pytest.fixture
def ask(running_fake: FakeNode, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with --json; checks what it prints and returns it."""

    def run(*words: str, code: int = 0) -> dict[str, Any]:
        assert run_command(["--home", str(running_fake.home), *words, "--json"]) == code
        output, errors = capsys.readouterr()
        document: dict[str, Any] = json.loads(output if code in {0, 6} else errors)
        check(document)
        return document

    return run


@pytest.fixture
def see(running_fake: FakeNode, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command as a person would and returns what it printed."""

    def run(*words: str, code: int = 0) -> str:
        assert run_command([*words, "--home", str(running_fake.home)]) == code
        output, errors = capsys.readouterr()
        return output if code == 0 else errors

    return run


def test_a_memory_is_written_found_changed_and_forgotten(ask: Run) -> None:
    written = ask("remember", "Deploys go out on Tuesdays", "--tag", "ops", "--meta", "a=1")
    assert (written["kind"], written["tags"], written["metadata"]) == ("engram", ["ops"], {"a": 1})
    found = ask("recall", "when", "do", "deploys", "go", "out")["results"]
    assert {"id", "content", "score", "confidence", "version", "provenance"} <= found[0].keys()
    ref = written["id"][:8]
    assert ask("get", ref) == written
    changed = ask("update", ref, "--content", "later", "--if-version", written["version"])
    assert changed["content"] == "later"
    error = ask("update", ref, "--title", "x", "--if-version", written["version"], code=4)
    assert error["message"] == "it has changed"
    assert [one["id"] for one in ask("list")["results"]] == [written["id"]]
    assert ask("history", ref)["entries"][0]["kind"] == "create"
    assert ask("archive", ref, "--reason", "old")["life"] == "archived"
    assert ask("restore", ref)["life"] == "active"
    assert ask("forget", ref, "--reason", "wrong")["reason"] == "wrong"
    assert ask("list", "--life", "deleted")["results"][0]["id"] == written["id"]


def test_an_unknown_id_is_exit_code_3_with_a_hint_for_this_home(
    ask: Run, see: Run, running_fake: FakeNode
) -> None:
    typed = f"see: engram-sync --home {running_fake.home} list"
    assert ask("get", "ffffffff", code=3)["hint"] == typed
    assert see("get", "ffffffff", code=3) == f"error: no memory ffffffff\n       {typed}\n"


def test_the_words_about_other_nodes(ask: Run) -> None:
    assert ask("invite", "--ttl", "1m", "--uses", "2")["token"] == "engram1.member-60-2"
    assert ask("join", "engram1.x", "--bring") == {
        "v": 1,
        "kind": "join",
        "agent": AGENT,
        "node": NODE,
        "role": "member",
        "brought": 1,
        "left_behind": 0,
    }
    assert ask("peers")["peers"][0]["via"] == "mdns"
    assert ask("conflicts")["conflicts"][0]["siblings"][0]["value"] == "one"
    assert ask("sync", "--timeout", "1ms")["state"] == "clean"
    assert ask("offline")["done"] == "offline"
    assert ask("status")["network"] == "offline"


def test_id_and_init_of_a_running_node_name_it(ask: Run, see: Run) -> None:
    assert ask("id")["node_id"] == NODE
    assert ask("init")["node_id"] == NODE
    assert see("init") == f"{NODE}\n"


def test_a_sync_that_is_not_clean_is_exit_code_6(
    ask: Run, running_fake: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engram_sync.results import SyncResult, SyncState

    async def sync(**_: object) -> SyncResult:
        return SyncResult(SyncState.FAILED, 0, (), (), "no peers")

    monkeypatch.setattr(running_fake, "sync", sync)
    assert ask("sync", code=6)["detail"] == "no peers"


def test_people_see_lines(see: Run) -> None:
    ref = see("remember", "Deploys go out\non Tuesdays", "--title", "Deploys", "--tag", "ops")
    assert len(ref.strip()) == 36
    assert "0.50  Deploys #ops" in see("recall", "deploys")
    assert see("recall", "nothing") == "nothing found\n"
    shown = see("get", ref.strip())
    assert "tags       ops" in shown
    assert shown.endswith("\nDeploys go out\non Tuesdays\n")
    assert "Deploys #ops" in see("list")
    assert "create" in see("history", ref.strip())
    assert "value conflict in content" in see("conflicts")
    assert "via=mdns" in see("peers")
    assert "alone" in see("status")
    assert see("sync", "--timeout", "1ms").startswith("clean, 0 memories changed here\n")


def test_what_a_peer_wrote_cannot_move_the_cursor(see: Run) -> None:
    ref = see("remember", "\x1b[2Jgone \u202eevil", "--title", "\x1b]0;t\x07").strip()
    for words in (["get", ref], ["list"], ["recall", "gone"], ["history", ref]):
        shown = see(*words)
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert "\x07" not in shown


def test_content_comes_from_standard_input(
    ask: Run, see: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pipe(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    pipe("größer\n".encode())
    written = ask("remember", "-")
    assert written["content"] == "größer\n"
    pipe(b"newer")
    assert ask("update", written["id"], "--content", "-")["content"] == "newer"
    pipe(b"ab\xff")
    assert "byte 2 is 0xff" in see("remember", "-", code=2)


def test_a_second_up_is_refused_with_the_process_id_of_the_first(see: Run) -> None:
    import os

    refused = see("up", "--listen", "127.0.0.1:0", code=4)
    assert f"(pid {os.getpid()})" in refused
    assert "down" in refused


def test_down_asks_the_node_to_stop(ask: Run, running_fake: FakeNode) -> None:
    assert ask("down")["done"] == "down"


def test_a_token_may_come_from_standard_input(
    ask: Run, running_fake: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"engram1.x\n")))
    assert ask("join", "-")["kind"] == "join"
    assert running_fake.tokens == ["engram1.x"]


def test_the_home_may_come_from_the_environment(
    running_fake: FakeNode, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENGRAM_SYNC_HOME", str(running_fake.home))
    assert run_command(["id"]) == 0
    assert capsys.readouterr().out == f"{NODE}\n"


def test_a_later_option_wins(
    running_fake: FakeNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = str(tmp_path / "other")
    assert run_command(["--home", other, "id", "--home", str(running_fake.home)]) == 0
    assert capsys.readouterr().out == f"{NODE}\n"
