"""A node and its clients over a real socket in a temporary home."""

import os
from functools import partial
from pathlib import Path
from typing import Literal

import pytest
import trio
import trio.testing

from engram_sync.api import Delete, Insert
from engram_sync.api.arguments import NewMemory
from engram_sync.control import ControlClient, Endpoint, find_node
from engram_sync.control._messages import FrameStream
from engram_sync.control._methods import METHODS, Served
from engram_sync.control._server import _Server, serve_control
from engram_sync.errors import (
    DegradedError,
    NotFoundError,
    PreconditionError,
)
from tests.control.fake_node import FakeNode
from tests.control.serving import KINDS, answer, attached, raw, request, served


@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_finds_the_node_of_a_home_and_calls_it(
    tmp_path: Path, kind: Literal["unix", "tcp"]
) -> None:
    node = FakeNode(tmp_path)
    async with served(node, kind):
        client = await find_node(tmp_path)
        assert client is not None
        async with client:
            assert client.pid == os.getpid()
            assert await client.identity() == await node.identity()


async def test_every_method_answers_what_the_node_answers(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    async with attached(node) as client:
        engram = await client.remember(
            "Deploys go out", tags={"ops"}, metadata={"a": [1, None]}, events=("seen",)
        )
        assert engram == node.engrams[engram.id]
        assert await client.get(engram.id[:8], at_ms=7) == engram
        assert await client.recall("deploys", tags=["ops"]) == await node.recall("deploys")
        assert list(await client.list(limit=3)) == [engram]
        updated = await client.update(engram, content="later", add_tags=["x"])
        assert (updated.content, updated.tags) == ("later", ("ops", "x"))
        assert (await client.archive(updated)).life == "archived"
        assert (await client.restore(engram.id)).life == "active"
        assert await client.history(engram.id) == await node.history(engram.id)
        assert await client.conflicts() == await node.conflicts()
        assert await client.sync(timeout_s=0) == await node.sync(timeout_s=0)
        assert await client.invite(ttl_s=60, uses=2) == "engram2.member-60-2"
        node.release.set()
        assert (await client.join("t", bring=True)).brought == 1
        assert await client.peers() == await node.peers()
        await client.go_offline()
        assert (await client.status()).network == "offline"
        forgotten = await client.forget(engram.id, reason="wrong")
        assert (forgotten.life, forgotten.reason) == ("deleted", "wrong")
        assert await client.history(engram.id, at_ms=8) == await node.history(engram.id)
        assert node.asked_at == [7, 8]
        assert (await client.forget(engram.id, erase=True)).erased
        assert await client.status() == await node.status()
        assert await client.doctor() == await node.doctor()
        assert await client.compact(keep_days=1.5, dry_run=True) == await node.compact(
            keep_days=1.5, dry_run=True
        )
        assert node.compacted == [(1.5, True)] * 2


async def test_a_page_knows_how_to_go_on_wherever_it_was_asked_for(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    node.more = "the last one"
    async with attached(node) as client:
        engram = await client.remember("Deploys go out")
        pages = (
            await client.list(),
            await client.history(engram.id, limit=1, after="x"),
            await client.conflicts(limit=1, after="x"),
        )
        assert [page.next for page in pages] == ["the last one"] * 3
        assert all(len(page) == 1 for page in pages)


async def test_everything_that_an_engram_can_be_travels(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    async with attached(node) as client:
        engram = await client.remember(
            "How to deploy",
            type="procedural",
            belief=[{"subject": "deploys", "relation": "on", "object": "Tuesdays"}],
            events=("first", {"text": "second", "key": "2"}),
            epistemic="observed",
            skill={"name": "deploy", "steps": ["tag", "push"]},
            counters={"tries": 1},
            collaborative=True,
        )
        assert engram == node.engrams[engram.id]
        assert (engram.epistemic, engram.counters, engram.collaborative) == (
            "observed",
            {"tries": 1},
            True,
        )
        first, second = engram.events
        (head,) = engram.skill
        changed = await client.update(
            engram,
            epistemic="inferred",
            believe={"subject": "deploys", "relation": "on", "object": "Fridays"},
            add_events=["third"],
            amend_events={first.id: "the very first"},
            remove_events=[second.id],
            refine={"name": "deploy", "text": "push a tag"},
            refine_parents=[head.id],
            count={"tries": 2},
            edits=[Insert(0, "Note: "), Delete(1, 2), ("insert", 3, "x")],
        )
        assert changed == node.engrams[engram.id]
        assert [event.value for event in changed.events] == ["the very first", "third"]
        assert changed.skill[0].parents == (head.id,)
        assert [one["object"] for one in changed.belief] == ["Tuesdays", "Fridays"]
        assert changed.counters == {"tries": 3}
        assert node.edits == [("insert", 0, "Note: "), ("delete", 1, 2), ("insert", 3, "x")]
        again = await client.update(engram.id, refine={"text": "x"}, refine_parents=["somebody's"])
        assert again.skill[0].parents == ("somebody's",)
        changed = await client.get(engram.id)
        assert [hit.engram for hit in await client.recall("deploy", epistemic="inferred")] == [
            changed
        ]
        assert list(await client.list(epistemic="observed")) == []


def test_every_method_of_the_table_exists_on_the_client() -> None:
    internal = {"hello"}  # Every connection starts with it.
    assert all(hasattr(ControlClient, name) for name in METHODS.keys() - internal)


async def test_an_engram_as_reference_stands_for_the_version_its_holder_saw(
    tmp_path: Path,
) -> None:
    async with attached(FakeNode(tmp_path)) as client:
        seen = await client.remember("a")
        await client.update(seen.id, content="b")
        with pytest.raises(PreconditionError, match="changed") as caught:
            await client.update(seen, content="c")
        assert caught.value.hint == "now: v1.1"


async def test_an_error_of_the_node_arrives_with_its_type_and_hint(tmp_path: Path) -> None:
    async with attached(FakeNode(tmp_path)) as client:
        with pytest.raises(NotFoundError, match="no memory feedbeef") as caught:
            await client.get("feedbeef")
        assert caught.value.hint == "see: engram-sync list"


async def test_many_memories_travel_in_several_requests_and_keep_their_order(
    tmp_path: Path,
) -> None:
    node = FakeNode(tmp_path)
    async with attached(node) as client:
        large = [NewMemory("x" * 900_000), NewMemory("y" * 900_000), NewMemory("z" * 900_000)]
        many = [NewMemory(str(number)) for number in range(1_500)]
        ids = await client.remember_many(large + many)
    assert [node.engrams[key].content for key in ids] == [m.content for m in large + many]
    assert len(node.batches) > 2


async def test_several_tasks_call_at_once(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    async with attached(node) as client, trio.open_nursery() as nursery:
        nursery.start_soon(partial(client.sync, timeout_s=60))
        await node.entered.wait()
        assert (await client.identity()).label == "laptop"
        nursery.cancel_scope.cancel()


async def test_hanging_up_ends_a_read(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    async with served(node) as endpoint:
        frames = await raw(endpoint)
        await frames.send(request(endpoint, "sync", {"timeout_s": 60}))
        await node.entered.wait()
        await frames.aclose()
        with trio.fail_after(5):
            while not node.cancelled:
                await trio.lowlevel.checkpoint()
    assert node.cancelled == ["sync"]


async def test_hanging_up_does_not_end_a_write(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    async with served(node) as endpoint:
        frames = await raw(endpoint)
        await frames.send(request(endpoint, "join", {"token": "t"}))
        await node.entered.wait()
        await frames.aclose()
        await trio.testing.wait_all_tasks_blocked()
        node.release.set()
        await trio.testing.wait_all_tasks_blocked()
    assert (node.completed, node.cancelled) == (["join"], [])


async def test_a_write_in_progress_is_answered_before_the_node_leaves(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    replies: list[dict[str, object]] = []
    async with trio.open_nursery() as clients, served(node) as endpoint:
        frames = await raw(endpoint)
        await frames.send(request(endpoint, "join", {"token": "t"}))
        await node.entered.wait()

        async def finish() -> None:
            await trio.testing.wait_all_tasks_blocked()
            node.release.set()
            replies.append(await answer(frames))
            await frames.aclose()

        clients.start_soon(finish)
    assert replies[0]["result"] is not None


async def test_a_write_that_never_ends_does_not_keep_the_node_for_ever(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """The socket is a pair in memory here, so that the clock may jump."""
    node = FakeNode(tmp_path)
    server = _Server(Served(node, 1, "home", None), "token")
    ours, theirs = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.serve_stream, theirs)
        frames = FrameStream(ours)
        endpoint = Endpoint(1, 1, "token", "home")
        await frames.send(request(endpoint, "join", {"token": "t"}))
        await node.entered.wait()
        server.drain()
        nursery.cancel_scope.cancel()
    assert node.cancelled == ["join"]


async def test_stop_reaches_the_program_around_the_node(tmp_path: Path) -> None:
    stopped = trio.Event()
    node = FakeNode(tmp_path)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve_control, node, on_stop=stopped.set))
        client = await find_node(tmp_path)
        assert client is not None
        async with client:
            await client.stop()
        await stopped.wait()
        nursery.cancel_scope.cancel()


async def test_stop_is_refused_by_a_node_inside_another_program(tmp_path: Path) -> None:
    async with attached(FakeNode(tmp_path)) as client:
        with pytest.raises(PreconditionError, match=f"pid {os.getpid()}"):
            await client.stop()


async def test_a_node_that_vanishes_during_a_request_is_reported(tmp_path: Path) -> None:
    node = FakeNode(tmp_path)
    async with trio.open_nursery() as nursery, served(node):
        client = await find_node(tmp_path)
        assert client is not None

        async def wait() -> None:
            with pytest.raises(DegradedError, match="went away"):
                await client.sync(timeout_s=60)

        nursery.start_soon(wait)
        await node.entered.wait()
    with pytest.raises(DegradedError, match="has stopped"):
        await client.identity()
