"""What a job changed beside the store is acted on when it is durable, and only then."""

import pytest

from engram_sync.errors import UsageError
from engram_sync.node import Node
from engram_sync.store import Transaction
from engram_sync.testing import Cluster


def end_log(node: Node, tx: Transaction) -> None:
    """End the own log in a job, as when a peer knows more of it."""
    path, scope = node._core.path, node._core.facts.agent_scope
    path.end_own(scope, path.own_log(scope).id)


async def test_a_job_that_fails_leaves_nothing_to_the_next(
    cluster: Cluster, autojump_clock: object
) -> None:
    async with cluster.open("a", online=False) as a:
        await a.remember("so that there is a log")
        heard = list[object]()
        a._core.listeners.append(lambda _before, view: heard.append(view))

        def job(tx: Transaction) -> None:
            end_log(a, tx)
            raise UsageError("not this")

        with pytest.raises(UsageError, match="not this"):
            await a._core.write(job)
        await a._core.write(lambda _: None)
        assert "copy" not in a._core.problems
        assert not heard
        await a._core.write(lambda tx: end_log(a, tx))
        assert "copy" in a._core.problems
        assert len(heard) == 1
