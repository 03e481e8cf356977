"""A program that was written from SPEC.md alone reads a real node, and the vectors."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Terminal, environment

WIRE = Path(__file__).resolve().parents[2] / "wire"
SECONDS_MAX = 60


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path, "home")
    terminal.run("init", "--label", "laptop")
    terminal.up()
    try:
        yield terminal
    finally:
        terminal.end(signal.SIGTERM)


def read(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the reader where it cannot import anything of this project."""
    alone = {key: value for key, value in environment().items() if key != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, "-P", str(WIRE / "reader.py"), *words],
        env=alone,
        capture_output=True,
        timeout=SECONDS_MAX,
        check=False,
        text=True,
    )


def remember(node: Terminal, *words: str) -> str:
    return node.run("remember", *words).stdout.strip()


@pytest.mark.slow
def test_the_reader_sees_exactly_what_a_node_holds(node: Terminal) -> None:
    deploys = remember(node, "Deploys go out on Tuesdays")
    cat = remember(node, "The cat is grey", "--title", "Cat")
    node.run("update", deploys, "--content", "Deploys go out on Wednesdays")
    node.run("forget", cat, "--reason", "sold")
    node.run("update", deploys, "--tag", "ops")
    done = read(node.run("invite").stdout.strip())
    assert done.returncode == 0, done.stderr
    seen = [json.loads(line) for line in done.stdout.splitlines()]
    deploys, cat = deploys.replace("-", ""), cat.replace("-", "")

    def written(record: dict[str, Any]) -> dict[str, Any]:
        return dict(zip(record["collections"], record["values"], strict=True))

    assert [(record["kind"], record["engram"]) for record in seen] == [
        ("create", deploys),
        ("create", cat),
        ("update", deploys),
        ("delete", cat),
        ("update", deploys),
    ]
    first, second, *later = map(written, seen)
    assert first["r/content"] == "Deploys go out on Tuesdays"
    assert (second["r/content"], second["r/title"]) == ("The cat is grey", "Cat")
    assert later == [
        {"r/content": "Deploys go out on Wednesdays"},
        {"r/life": ["deleted", "sold"]},
        {"s/tags": "ops"},
    ]
    assert len({record["author"] for record in seen}) == 1
    # The charter and the reader's own admission come before the five; each commit is signed.
    assert done.stderr == "verified 7 records, 7 signatures\n"
    assert [peer["label"] for peer in node.json("peers")["peers"]] == ["reader"]


@pytest.mark.slow
def test_what_an_invite_no_longer_allows_is_one_error(node: Terminal) -> None:
    token = node.run("invite").stdout.strip()
    assert read(token).returncode == 0
    again = read(token)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith("reader: not admitted: ")
    assert again.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words", [[], ["engram2.AAAA"], ["--vectors", "nowhere"], ["engram2.é"], ["a", "b"]]
)
def test_bad_input_is_one_error(words: list[str]) -> None:
    done = read(*words)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("reader: ")
    assert done.stderr.count("\n") == 1


def test_the_reader_reads_the_vectors() -> None:
    done = read("--vectors", str(WIRE / "vectors"))
    assert done.returncode == 0, done.stderr
    messages = json.loads((WIRE / "vectors" / "messages.json").read_text())
    records = json.loads((WIRE / "vectors" / "records.json").read_text())
    sessions = json.loads((WIRE / "vectors" / "sessions.json").read_text())["sessions"]
    assert json.loads(done.stdout) == {
        "messages": len(messages),
        "frames": 2 * len(records["logs"]),
        "records": sum(len(log["records"]) for log in records["logs"]),
        "clocks": 1,
        "sessions": len(sessions),
        "envelopes": sum(len(session["steps"]) - 4 for session in sessions),
    }


def flipped(text: str) -> str:
    """Hexadecimal with one bit of its middle byte changed."""
    data = bytearray.fromhex(text)
    data[len(data) // 2] ^= 1
    return data.hex()


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("messages.json", [8, "hex"]),
        ("messages.json", [7, "fields", "summary", "clock_digest"]),
        ("records.json", ["logs", 0, "frame"]),
        ("records.json", ["logs", 1, "frame_without_payloads"]),
        ("records.json", ["logs", 1, "records", 1, "payload"]),
        ("records.json", ["logs", 1, "records", 9, "id"]),
        ("records.json", ["clock_digest"]),
        ("sessions.json", ["setup", "binding"]),
        ("sessions.json", ["sessions", 1, "session_id"]),
        ("sessions.json", ["sessions", 1, "steps", 3, "hex"]),
        ("sessions.json", ["sessions", 1, "steps", 5, "hex"]),
        ("sessions.json", ["sessions", 1, "steps", 7, "fields", "frame"]),
    ],
)
def test_a_changed_vector_is_noticed(tmp_path: Path, file: str, path: list[str | int]) -> None:
    folder = Path(shutil.copytree(WIRE / "vectors", tmp_path / "vectors"))
    document = json.loads((folder / file).read_text())
    place: Any = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = flipped(place[path[-1]])
    (folder / file).write_text(json.dumps(document))
    done = read("--vectors", os.fspath(folder))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("reader: ")
    assert done.stderr.count("\n") == 1
