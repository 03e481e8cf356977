"""Every command against a node that runs for the home (a fake one, in another thread)."""

import dataclasses
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engram_sync.api import Check, Doctor, Status
from engram_sync.api.calls import HistoryCall, StatusCall
from engram_sync.cli._main import run_command
from engram_sync.cli._output import at
from engram_sync.errors import NotFoundError
from tests.cli.json_schema import check as check_form
from tests.control.fake_node import AGENT, NODE, SAVING, FakeNode

Run = Callable[..., Any]


@pytest.fixture
def ask(running_fake: FakeNode, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with --json; checks what it prints and returns it."""

    def run(*words: str, code: int = 0) -> dict[str, Any]:
        assert run_command(["--home", str(running_fake.home), *words, "--json"]) == code
        output, errors = capsys.readouterr()
        document: dict[str, Any] = json.loads(output if code in {0, 6} else errors)
        check_form(document)
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


def test_everything_that_an_engram_can_be_is_typed(ask: Run, running_fake: FakeNode) -> None:
    words = ["remember", "How to deploy", "--type", "procedural", "--epistemic", "observed"]
    words += ["--belief", "deploys", "on", "Tuesdays", "--not", "--collaborative"]
    words += ["--event", "first", "--event", '{"text": "second"}', "--count", "tries=2"]
    written = ask(*words, "--skill", "deploy", "--step", "tag", "--step", "push")
    assert (written["epistemic"], written["collaborative"]) == ("observed", True)
    (belief,) = written["belief"]
    assert (belief["object"], belief["polarity"]) == ("Tuesdays", False)
    first, second = written["events"]
    assert (first["value"], second["value"]) == ("first", {"text": "second"})
    assert written["skill"][0]["skill"] == {"name": "deploy", "steps": ["tag", "push"]}
    assert written["counters"] == {"tries": 2}

    ref = written["id"]
    changed = ask("update", ref, "--amend", f"{first['id']}=the first", "--event", "third")
    assert [event["value"] for event in changed["events"]] == [
        "the first",
        {"text": "second"},
        "third",
    ]
    assert changed["events"][0]["amended"] is True
    changed = ask("update", ref, "--remove-event", second["id"], "--belief", "it", "is", "so")
    assert [event["value"] for event in changed["events"]] == ["the first", "third"]
    assert [one["polarity"] for one in changed["belief"]] == [False, True]
    head = changed["skill"][0]["id"]
    changed = ask("update", ref, "--refine", "push a tag", "--parent", head, "--skill", "release")
    assert changed["skill"][0]["skill"] == {"name": "release", "text": "push a tag"}
    assert changed["skill"][0]["parents"] == [head]
    changed = ask("update", ref, "--count", "tries", "--count", "tries=3", "--count", "wins")
    assert changed["counters"] == {"tries": 6, "wins": 1}
    assert ask("update", ref, "--epistemic", "unstated")["epistemic"] == ""
    assert ask("list", "--epistemic", "observed")["results"] == []
    assert ask("recall", "deploy", "--epistemic", "reported")["results"] == []
    ask("update", ref, "--insert", "0:To: ", "--delete", "4:3", "--insert", "13:!")
    assert running_fake.edits == [("insert", 13, "!"), ("delete", 4, 3), ("insert", 0, "To: ")]


def test_an_earlier_time_is_asked_for(ask: Run, running_fake: FakeNode) -> None:
    ref = ask("remember", "x")["id"]
    assert ask("get", ref, "--at", "2026-01-31T00:00Z")["id"] == ref
    assert len(ask("history", ref, "--at", "2026-02-01T00:00Z")["entries"]) == 1
    assert running_fake.asked_at == [1_769_817_600_000, 1_769_904_000_000]


def test_an_erasure_says_who_has_confirmed_and_what_stays(ask: Run, see: Run) -> None:
    found = ask("forget", ask("remember", "x")["id"], "--erase", "--yes", "--reason", "private")
    assert (found["kind"], found["confirmed"], found["waiting"]) == (
        "erasure",
        ["desk"],
        ["tablet"],
    )
    assert any("backups" in what for what in found["stays"])
    ref = ask("remember", "y")["id"]
    shown = see("forget", ref, "--erase", "--yes")
    assert shown.splitlines()[:4] == [
        f"{ref} is erased here",
        "  confirmed by: desk",
        "  waiting for:  tablet",
        f"  not reached:  {'c' * 36}, which was made from it",
    ]
    assert "backups" in shown
    status = see("status")
    assert f"erasure    {ref}, asked" in status
    assert "waiting for:  tablet" in status
    assert len(ask("status")["erasures"]) == 2


def test_an_erasure_that_nobody_has_to_confirm_is_done(
    ask: Run, running_fake: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(call: HistoryCall) -> None:
        raise NotFoundError(f"no memory {call.ref}")

    lasting = ask("remember", "x")["id"]
    instant = ask("remember", "x", "--type", "instant")["id"]
    monkeypatch.setattr(running_fake, "all_confirm", True)
    found = ask("forget", lasting, "--erase", "--yes")
    assert (found["confirmed"], found["waiting"]) == (["laptop"], [])
    monkeypatch.setattr(running_fake, "_history", unknown)
    assert ask("forget", instant, "--erase", "--yes")["records"] == 0


@pytest.mark.parametrize("words", [[], ["--no-input"]])
def test_nothing_is_erased_when_nobody_can_be_asked(
    words: list[str], ask: Run, running_fake: FakeNode
) -> None:
    ref = ask("remember", "x")["id"]
    assert ask("forget", ref, "--erase", *words, code=2)["hint"] == "say --yes to do it"
    assert running_fake.engrams[ref].life == "active"


@pytest.mark.parametrize(("answer", "code", "life"), [("y", 0, "deleted"), ("n", 130, "active")])
def test_an_erasure_asks_first(
    answer: str,
    code: int,
    life: str,
    ask: Run,
    running_fake: FakeNode,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ref = ask("remember", "x")["id"]
    typed = io.StringIO(f"{answer}\n")
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)
    assert run_command(["--home", str(running_fake.home), "forget", ref, "--erase"]) == code
    output, errors = capsys.readouterr()
    assert "Erase it? [y/N]" in errors
    assert "backups" in errors
    assert ("is erased here" in output) == (code == 0)
    assert running_fake.engrams[ref].life == life


@pytest.mark.parametrize(
    ("check", "code"),
    [
        (Check("store", ok=True), 0),
        (Check("owed", ok=False, detail="3 values have not arrived"), 6),
        (Check("logs", ok=False, detail="a signature is wrong", damaged=True), 8),
    ],
)
def test_doctor_tells_what_is_damaged_from_what_needs_a_look(
    check: Check, code: int, see: Run, running_fake: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = (Check("documents", ok=True, detail="12 are as their records say"), check)
    running_fake.found = Doctor(code == 0, checks, SAVING, 9_000)
    assert run_command(["--home", str(running_fake.home), "doctor"]) == code
    shown = capsys.readouterr().out
    assert check.detail in shown
    assert ("DAMAGED" in shown) == (code == 8)
    assert "the store takes 9.0 kB" in shown
    assert "compact would drop 3 values (300 bytes), 1 signature" in shown
    assert run_command(["--home", str(running_fake.home), "doctor", "--json"]) == code
    check_form(json.loads(capsys.readouterr().out))


def test_compact_says_what_it_did_or_would_do(ask: Run, see: Run, running_fake: FakeNode) -> None:
    assert ask("compact")["saved"]["payloads"] == 3
    assert see("compact", "--keep-days", "7", "--dry-run").splitlines() == [
        "would drop 3 values (300 bytes), 1 signature",
        "the store takes 9.0 kB",
    ]
    assert see("compact").splitlines()[1] == "the store took 9.0 kB, now 4.0 kB"
    assert running_fake.compacted == [(30, False), (7, True), (30, False)]


def test_an_unknown_id_is_exit_code_3_with_a_hint_for_this_home(
    ask: Run, see: Run, running_fake: FakeNode
) -> None:
    typed = f"see: engram-sync --home {running_fake.home} list"
    assert ask("get", "ffffffff", code=3)["hint"] == typed
    assert see("get", "ffffffff", code=3) == f"error: no memory ffffffff\n       {typed}\n"


def test_the_words_about_other_nodes(ask: Run) -> None:
    assert ask("invite", "--ttl", "1m", "--uses", "2")["token"] == "engram2.member-60-2"
    assert ask("join", "engram2.x", "--bring") == {
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
    from engram_sync.api import SyncResult, SyncState

    async def sync(_: object) -> SyncResult:
        return SyncResult(SyncState.FAILED, 0, (), (), "no peers")

    monkeypatch.setattr(running_fake, "_sync", sync)
    assert ask("sync", code=6)["detail"] == "no peers"


def test_a_sync_that_finds_conflicts_says_what_to_type_on_this_home(
    see: Run, running_fake: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engram_sync.api import SyncResult, SyncState

    async def sync(_: object) -> SyncResult:
        return SyncResult(SyncState.CLEAN, 0, ("b20a",), ())

    monkeypatch.setattr(running_fake, "_sync", sync)
    assert f"engram-sync --home {running_fake.home} conflicts" in see("sync")


def test_what_does_not_fit_on_a_page_is_had_with_what_is_typed_next(
    ask: Run, running_fake: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    ref = ask("remember", "one")["id"]
    running_fake.more = "here"
    for words in (["list"], ["history", ref], ["conflicts"]):
        assert ask(*words)["next"] == "here"
        assert run_command([*words, "--home", str(running_fake.home)]) == 0
        assert f"{' '.join(words)} --after here" in capsys.readouterr().err


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
    conflicts = see("conflicts")
    assert "value conflict in content" in conflicts
    assert f"update {'f' * 36} --if-version v1.9 --content TEXT" in conflicts
    assert "via=mdns" in see("peers")
    assert "alone" in see("status")
    assert see("sync", "--timeout", "1ms").startswith("clean, 0 memories changed here\n")


def test_people_see_what_is_missing(
    see: Run, running_fake: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = running_fake._status

    async def status(call: StatusCall) -> Status:
        return dataclasses.replace(await whole(call), owed=1)

    assert "owed" not in see("status")
    monkeypatch.setattr(running_fake, "_status", status)
    assert "owed       1 value known of has not arrived" in see("status")


def test_people_see_everything_that_an_engram_can_be(see: Run) -> None:
    words = ["remember", "How to deploy", "--epistemic", "inferred", "--collaborative"]
    words += ["--belief", "deploys", "on", "Tuesdays", "--not", "--count", "tries=2"]
    words += ["--event", "it\nworked", "--skill", "deploy", "--step", "tag", "--step", "push"]
    ref = see(*words).strip()
    assert "How to deploy [inferred]" in see("list")
    assert see("get", ref).split("\n\n", 1)[1] == (
        "How to deploy\n\n"
        "Events, oldest first:\n"
        f"  {'e' * 16}:0  {at(1)}, laptop (aaaaaaaa)\n"
        "    it\n    worked\n\n"
        f"Skill deploy, version {'f' * 16}:0 by laptop (aaaaaaaa):\n"
        "  1. tag\n  2. push\n"
    )
    rows = see("get", ref).split("\n\n", 1)[0]
    for row in (
        "epistemic  inferred",
        "belief     NOT deploys on Tuesdays",
        "counters   tries=2",
        "text       collaborative: takes --insert and --delete",
    ):
        assert row in rows


def test_what_a_peer_wrote_cannot_move_the_cursor(see: Run) -> None:
    evil = "\x1b[2Jgone \u202eevil"
    words = ["--event", evil, "--skill", evil, "--step", evil, "--belief", evil, evil, evil]
    ref = see("remember", evil, "--title", "\x1b]0;t\x07", "--count", evil, *words).strip()
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
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"engram2.x\n")))
    assert ask("join", "-")["kind"] == "join"
    assert running_fake.tokens == ["engram2.x"]


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
