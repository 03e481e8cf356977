"""The real program in real processes: the session that scripts rely on."""

import json
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal, environment

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
]


@pytest.fixture
def a(tmp_path: Path) -> Generator[Terminal]:
    yield from terminal(tmp_path, "A")


@pytest.fixture
def b(tmp_path: Path) -> Generator[Terminal]:
    yield from terminal(tmp_path, "B")


def terminal(folder: Path, home: str) -> Generator[Terminal]:
    person = Terminal(folder, home)
    person.run("init", "--label", home)
    yield person
    if person.daemon is not None:
        person.end(signal.SIGKILL)


def test_the_session_of_two_terminals(a: Terminal, b: Terminal) -> None:
    a.up()
    assert a.ready["node_id"] == a.run("init").stdout.strip() == a.json("id")["node_id"]
    b.up()
    token = a.run("invite").stdout.strip()
    assert token.startswith("engram2.")
    joined = b.json("join", token)
    assert (joined["node"], joined["role"]) == (a.ready["node_id"], "member")
    assert a.json("peers")["peers"][0]["node"] == b.ready["node_id"]
    assert b.json("peers")["peers"][0]["via"] == "token"

    written = a.json("remember", "Deploys go out on Tuesdays", "--tag", "ops")
    assert b.json("sync", "--timeout", "30s")["state"] in {"clean", "merged"}
    found = b.json("recall", "when do deploys go out")["results"]
    assert [hit["id"] for hit in found] == [written["id"]]

    # What a version shows is the same everywhere: what one node printed serves on another.
    seen = ("--if-version", written["version"])
    b.json("update", written["id"], *seen, "--content", "-", stdin=b"Deploys go out on Fridays")
    assert a.json("sync")["state"] in {"clean", "merged"}
    assert "Fridays" in a.run("get", written["id"]).stdout
    error = a.json("forget", written["id"], "--if-version", "v1.nonsense", "--reason", "x", code=2)
    assert error["kind"] == "error"
    assert len(a.json("history", written["id"])["entries"]) == 2
    a.json("forget", written["id"], "--reason", "wrong")
    assert a.json("list")["results"] == []

    assert b.json("offline")["done"] == "offline"
    assert b.json("status")["network"] == "offline"
    assert b.json("remember", "written offline")["life"] == "active"
    assert b.json("sync", code=6)["kind"] == "error"
    assert b.json("online")["done"] == "online"
    assert b.json("sync")["state"] in {"clean", "merged"}
    status = a.json("status")
    assert (status["running"], status["sync"], status["health"]) == (True, "synced", "ok")

    for person in (a, b):
        assert person.run("down").stdout == "down\n"
        assert person.wait()[0] == 0
    assert a.json("status")["running"] is False
    assert [one["content"] for one in a.json("list")["results"]] == ["written offline"]


def test_a_killed_node_loses_nothing_and_its_home_opens_again(a: Terminal, b: Terminal) -> None:
    a.up()
    b.json("join", a.run("invite").stdout.strip())
    first = a.json("remember", "before the end")["id"]
    assert a.end(signal.SIGKILL)[0] == -signal.SIGKILL
    assert [one["id"] for one in a.json("list")["results"]] == [first]
    assert a.json("invite", code=6)["message"].startswith("invite needs a running node")
    second = a.json("remember", "between two lives")["id"]
    listen = a.up()
    b.up("--peer", listen)
    assert b.json("sync")["state"] in {"clean", "merged"}
    b.end(signal.SIGKILL)
    assert {one["id"] for one in b.json("list")["results"]} == {first, second}


def test_a_second_up_is_refused_with_the_process_id_of_the_first(a: Terminal) -> None:
    a.up()
    assert a.daemon is not None
    refused = a.run("up", "--listen", "127.0.0.1:0", code=4)
    assert f"(pid {a.daemon.pid})" in refused.stderr
    assert "down" in refused.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_node_in_order(a: Terminal, number: int) -> None:
    a.up()
    assert a.end(number) == (0, "")
    left = {path.name for path in (a.folder / "A").iterdir()}
    assert left == {"lock", "node.key", "store.db"}


@pytest.fixture
def interruptible() -> Generator[None]:
    """Shells start what runs in the background of a script with interrupts ignored, for good."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupted_command_is_exit_code_130_and_silent(
    a: Terminal, interruptible: None
) -> None:
    process = a.start("remember", "-", "--log-level", "debug")
    # More than a pipe holds: when all is written the program has begun to read.
    assert process.stdin is not None
    process.stdin.write(b"x" * 200_000)
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors.strip()) == (130, b"", b"")


def test_commands_on_one_home_wait_for_each_other(a: Terminal) -> None:
    processes = [a.start("remember", f"memory {number}") for number in range(3)]
    ended = [(process.communicate(timeout=60), process.returncode) for process in processes]
    assert [code for _, code in ended] == [0, 0, 0], ended
    assert len(a.json("list")["results"]) == 3


def test_a_reader_that_leaves_is_no_error_to_talk_about(a: Terminal) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "engram_sync", "--home", "A", "config"],
        cwd=a.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(timeout=60), errors) == (1, b"")


def test_a_port_in_use_says_what_to_do(a: Terminal, b: Terminal) -> None:
    taken = a.up()
    refused = b.run("up", "--listen", taken, "--no-mdns", code=6)
    assert refused.stderr.splitlines()[0] == (
        f"error: cannot listen on {taken}: address already in use"
    )
    assert len(refused.stderr.splitlines()) == 2


def test_an_import_keeps_the_good_parts_and_names_the_bad_ones(a: Terminal) -> None:
    (a.folder / "notes.md").write_bytes(b"# One\n\ntext\n\n# Two\n\nbad \xff\n\n# Three\n\nmore\n")
    result = a.json("import", "notes.md", code=6)
    assert result["imported"] == 2
    assert [problem["place"] for problem in result["problems"]] == ["notes.md:7"]
    again = a.run("import", "notes.md", "--format", "markdown", code=6)
    assert "not imported: notes.md:7" in again.stderr
    assert {one["title"] for one in a.json("list")["results"]} == {"One", "Three"}
    for part in ("1/2", "2/2"):
        a.run("import", "notes.md", "--shard", part, code=None)
    assert len(a.json("list")["results"]) == 2


def test_a_changed_source_is_reported_and_what_is_new_beside_it_goes_in(a: Terminal) -> None:
    (a.folder / "notes.md").write_text("# One\n\ntext\n")
    a.json("import", "notes.md")
    (a.folder / "notes.md").write_text("# One\n\nother text\n\n# Two\n\nmore\n")
    result = a.json("import", "notes.md", code=6)
    assert result["imported"] == 1
    (problem,) = result["problems"]
    assert problem["place"] == "notes.md#one"
    assert "engram-sync update" in problem["message"]
    kept = {one["title"]: one["content"] for one in a.json("list")["results"]}
    assert kept == {"One": "text", "Two": "more"}


def test_the_commits_of_a_repository_become_memories(a: Terminal) -> None:
    repository = a.folder / "repository"
    git = ["git", "-c", "user.name=N", "-c", "user.email=e@x", "-C", str(repository)]
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "First\n\nWhy."], check=True)
    assert a.json("import", "repository")["imported"] == 1
    engram = a.json("list")["results"][0]
    assert (engram["title"], engram["content"]) == ("First", "First\n\nWhy.")


@pytest.mark.parametrize(
    ("token", "code"), [("nonsense", 2), ("engram2.AAAA", 2)], ids=["nonsense", "damaged"]
)
def test_a_bad_token_says_what_to_do(a: Terminal, token: str, code: int) -> None:
    refused = a.run("join", token, code=code)
    first, second = refused.stderr.splitlines()
    assert first.startswith("error: this ")
    assert second.startswith("       ")


def test_an_expired_and_a_used_token_are_refused(a: Terminal, b: Terminal, tmp_path: Path) -> None:
    a.up()
    expired = a.run("invite", "--ttl", "1ms").stdout.strip()
    assert "expired" in b.run("join", expired, code=5).stderr
    token = a.run("invite").stdout.strip()
    b.run("join", token)
    b.run("join", token)  # The same node again: as after a crash.
    other = Terminal(tmp_path, "C")
    other.run("init")
    assert "used already" in other.run("join", token, code=5).stderr


def test_a_file_that_is_no_home_and_a_foreign_store_are_left_alone(
    tmp_path: Path, a: Terminal
) -> None:
    (tmp_path / "file").write_text("mine")
    assert "is a file" in Terminal(tmp_path, "file").run("list", code=2).stderr
    (tmp_path / "A" / "store.db").write_text("mine")
    assert "not an engram-sync store" in a.run("list", code=8).stderr
    assert (tmp_path / "A" / "store.db").read_text() == "mine"


def test_version_and_help_need_no_home(tmp_path: Path) -> None:
    nowhere = Terminal(tmp_path, "nowhere")
    assert nowhere.run("--version").stdout.startswith("engram-sync ")
    assert "Exit codes" in nowhere.run("--help").stdout
    assert not (tmp_path / "nowhere").exists()


def test_ready_is_one_line_of_json(a: Terminal) -> None:
    a.up()
    assert json.dumps(a.ready, separators=(",", ":")).startswith('{"v":1,"kind":"ready","node_id":')
    host, port = a.ready["listen"][0].rsplit(":", 1)
    assert (host, int(port) > 0) == ("127.0.0.1", True)


def test_a_key_without_its_store_is_no_home_to_write_to(a: Terminal) -> None:
    (a.folder / "A" / "store.db").unlink()
    refused = a.json("list", code=3)
    assert "no engram-sync home" in refused["message"]
    assert refused["hint"].endswith("init")


def test_init_with_another_label_renames_the_node(a: Terminal) -> None:
    before = a.json("init")
    after = a.json("init", "--label", "bench")
    assert (before["label"], after["label"]) == ("A", "bench")
    assert before["node"] == after["node"]
    assert a.json("id")["label"] == "bench"
    assert a.json("id")["instance_id"] == before["instance_id"]
    assert a.json("id")["created_at"] == before["created_at"]
    assert before["created_at"].endswith("Z")
