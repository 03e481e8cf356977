"""The parts of the demo; the whole of it is `make demo`."""

import sys
from pathlib import Path

import pytest
import trio
import trio.testing

from engram_sync.cli._main import run_command
from engram_sync.cli.demo.nodes import DemoNode
from engram_sync.cli.demo.story import Story, until
from engram_sync.errors import DegradedError


async def test_waiting_ends_with_the_first_answer(autojump_clock: trio.testing.MockClock) -> None:
    async def probe() -> int | None:
        return 7 if trio.current_time() > started + 3 else None

    started = trio.current_time()
    assert await until("a seven", 5, probe) == 7


async def test_waiting_in_vain_says_what_for(autojump_clock: trio.testing.MockClock) -> None:
    async def probe() -> None:
        return None

    with pytest.raises(DegradedError, match="after 5 s there is still no sign of: a miracle"):
        await until("a miracle", 5, probe)


def test_a_demo_that_fails_says_so_and_keeps_what_the_nodes_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def tell(_: Story) -> None:
        raise DegradedError("the digests differ")

    monkeypatch.setattr(Story, "tell", tell)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run_command(["demo"]) == 6
    output, errors = capsys.readouterr()
    assert "All of this was checked" not in output
    (folder,) = tmp_path.iterdir()
    assert f"What the nodes said is in {folder}" in errors
    assert errors.endswith("error: the digests differ\n")


@pytest.mark.slow
async def test_a_command_of_the_demo_that_fails_is_reported_with_its_words(tmp_path: Path) -> None:
    node = DemoNode("A", tmp_path)
    with pytest.raises(DegradedError, match="on node A ended with exit code 3: no engram"):
        await node.type("list")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
async def test_a_node_of_the_demo_comes_up_answers_and_goes(tmp_path: Path) -> None:
    node = DemoNode("A", tmp_path)
    try:
        await node.init()
        await node.up("--no-mdns")
        assert (await node.node.identity()).node == node.id
        assert node.id in await node.show("id")
        await node.down()
    finally:
        await node.kill()
    assert (tmp_path / "A" / "store.db").exists()
