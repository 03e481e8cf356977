"""Degraded mode: says once when nobody can be reached, and once when somebody can be again.

Nothing else changes: the store is authoritative and every memory stays readable and writable.
"""

from collections.abc import Callable

import trio

from engram_sync.node.core import Core
from engram_sync.node.limits import REACH_GRACE_S
from engram_sync.node.network.contradictions import named
from engram_sync.node.network.network import Network
from engram_sync.observe import Logger

log = Logger("network")
_PROBLEM = "network"


async def watch_reach(core: Core, network: Network) -> None:
    """Keep the problem "network" true while the network runs."""

    def alone() -> bool:
        return bool(others := core.readers()) and others.isdisjoint(network.connections)

    try:
        while True:
            await _while(core, lambda: not alone())
            with trio.move_on_after(REACH_GRACE_S):
                await _while(core, alone)
                continue
            log.warning("no other node can be reached, working locally")
            await _while(core, lambda: alone() and _told(core, network))
            core.problems.pop(_PROBLEM)
            log.info("other nodes can be reached again")
            core.announce_change()
    finally:
        core.problems.pop(_PROBLEM, None)


def _told(core: Core, network: Network) -> bool:
    """Say why nobody can be reached, as far as it is known now."""
    scope = core.facts.agent_scope
    strange = [key for key, memory in tuple(network.memory.items()) if memory.stranger]
    by = named(core, scope, [key for key in strange if key in core.readers()])
    text = "no other node of the agent can be reached; working locally"
    if by:
        text = (
            f"this node is no member of the agent by the word of {by}, and nobody else can be"
            " reached; working locally.  It was put out, or they have not heard of its admission,"
            " or they share nothing until they are upgraded"
        )
    if core.problems.get(_PROBLEM) != text:
        core.problems[_PROBLEM] = text
        core.announce_change()
    return True


async def _while(core: Core, condition: Callable[[], bool]) -> None:
    while condition():
        await core.wait_change()
