"""How a command gets the home while other commands use it."""

from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from engram_sync.cli._attach import attached_or
from engram_sync.cli._main import run_command
from engram_sync.errors import DegradedError, HomeInUseError
from tests.control.fake_node import FakeNode


class Door:
    """Opens a store that others leave one after another."""

    def __init__(self, home: Path, others: int) -> None:
        self.node = FakeNode(home)
        self.others = others

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[FakeNode]:
        if self.others:
            self.others -= 1
            raise HomeInUseError("in use by process unknown")
        yield self.node


async def test_a_command_waits_while_another_one_has_not_written_its_process_id_yet(
    tmp_path: Path, autojump_clock: object
) -> None:
    door = Door(tmp_path, others=3)
    async with attached_or(tmp_path, door.open) as node:
        assert node is door.node


async def test_a_command_does_not_wait_for_ever(tmp_path: Path, autojump_clock: object) -> None:
    door = Door(tmp_path, others=1 << 30)
    with pytest.raises(HomeInUseError):
        async with attached_or(tmp_path, door.open):
            pass


async def test_another_reason_not_to_open_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("1\n")  # As a process that was killed leaves it.

    def full() -> AbstractAsyncContextManager[FakeNode]:
        raise DegradedError("the disk is full")

    with pytest.raises(DegradedError, match="full"):
        async with attached_or(tmp_path, full):
            pass


def test_a_command_says_when_the_node_can_store_nothing_though_it_answers(
    running_fake: FakeNode, capsys: pytest.CaptureFixture[str]
) -> None:
    running_fake.full = "the store is gone"
    assert run_command(["list", "--home", str(running_fake.home)]) == 0
    assert "the store is gone" in capsys.readouterr().err
    running_fake.full = ""
    assert run_command(["list", "--home", str(running_fake.home)]) == 0
    assert not capsys.readouterr().err
