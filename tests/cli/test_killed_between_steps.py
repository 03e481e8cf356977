"""The two-terminal session with kill -9 of both nodes between any two steps."""

import signal
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli.terminal import Terminal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
]


@dataclass
class Session:
    """Two people, and what they have been told so far."""

    a: Terminal
    b: Terminal
    token: str = ""
    memory: str = ""
    expected: dict[str, str] = field(default_factory=dict[str, str])
    """Content by id of everything acknowledged and not forgotten."""

    def both_have_everything(self) -> None:
        """Sync, then every acknowledged memory is on both nodes as it was last written."""
        assert self.b.json("sync", "--timeout", "30s")["state"] in {"clean", "merged"}
        for person in (self.a, self.b):
            held = {one["id"]: one["content"] for one in person.json("list")["results"]}
            assert held == self.expected
            assert person.json("conflicts")["conflicts"] == []


@pytest.fixture
def session(tmp_path: Path) -> Generator[Session]:
    session = Session(Terminal(tmp_path, "A"), Terminal(tmp_path, "B"))
    for person in (session.a, session.b):
        person.run("init", "--label", person.home)
    yield session
    for person in (session.a, session.b):
        if person.daemon is not None:
            person.end(signal.SIGKILL)


def invite(session: Session) -> None:
    session.token = session.a.run("invite").stdout.strip()


def join(session: Session) -> None:
    session.b.json("join", session.token)


def join_again(session: Session) -> None:
    """The answer to the first join may have been lost with the process."""
    session.b.json("join", session.token)


def remember(session: Session) -> None:
    text = "Deploys go out on Tuesdays"
    session.memory = session.a.json("remember", text, "--tag", "ops")["id"]
    session.expected[session.memory] = text
    session.both_have_everything()


def recall(session: Session) -> None:
    hits = session.b.json("recall", "when do deploys go out")["results"]
    assert [hit["id"] for hit in hits] == [session.memory]


def update(session: Session) -> None:
    text = "Deploys go out on Wednesdays"
    session.b.json("update", session.memory, "--content", text)
    session.expected[session.memory] = text
    session.both_have_everything()


def write_on_both(session: Session) -> None:
    for person in (session.a, session.b):
        text = f"written by {person.home}"
        session.expected[person.json("remember", text)["id"]] = text


def sync(session: Session) -> None:
    session.both_have_everything()


def forget(session: Session) -> None:
    session.a.json("forget", session.memory, "--reason", "over")
    del session.expected[session.memory]


STEPS: tuple[Callable[[Session], None], ...] = (
    invite,
    join,
    join_again,
    remember,
    recall,
    update,
    write_on_both,
    forget,
    sync,
)


def test_kill_9_of_both_nodes_between_any_two_steps_loses_nothing(session: Session) -> None:
    listen = session.a.up()
    session.b.up()
    for step in STEPS:
        step(session)
        for person in (session.a, session.b):
            assert person.end(signal.SIGKILL)[0] == -signal.SIGKILL
        session.a.up(listen=listen)
        session.b.up()
    session.both_have_everything()
    assert session.a.json("history", session.memory)["entries"][-1]["kind"] == "delete"
