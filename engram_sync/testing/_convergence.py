"""Waiting for nodes, in whatever time the test has."""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from engram_sync.api import ScopeStatus
from engram_sync.node import Node

WAIT_S_MAX: Final = 300.0
"""As long as the slowest honest thing takes several times over; virtual time costs nothing."""
_LOOK_S: Final = 0.05


async def until(
    condition: Callable[[], Awaitable[bool]], *, seconds_max: float = WAIT_S_MAX
) -> None:
    """Wait for a condition.

    Raises:
        trio.TooSlowError: It does not hold within ``seconds_max``.
    """
    with trio.fail_after(seconds_max):
        while not await condition():  # noqa: ASYNC110 - whatever changes it, and wherever
            await trio.sleep(_LOOK_S)


async def agent_scope(node: Node) -> ScopeStatus:
    """What a node says of the scope of the agent that it belongs to."""
    scopes = (await node.status()).scopes
    return next(scope for scope in scopes if scope.kind == "agent" and scope.current)


async def agree(*nodes: Node) -> bool:
    """Whether all nodes belong to one agent, and hold and show the same, by their own word."""
    scopes = [await agent_scope(node) for node in nodes]
    states = {(scope.id, scope.clock_digest, scope.digest) for scope in scopes}
    return len(states) == 1 and bool(scopes[0].digest)


async def converged(*nodes: Node, seconds_max: float = WAIT_S_MAX) -> None:
    """Wait until all nodes hold and show the same.

    Raises:
        trio.TooSlowError: They do not within ``seconds_max``.
    """
    await until(lambda: agree(*nodes), seconds_max=seconds_max)
