"""Degraded mode: says once when nobody can be reached, and once when somebody can be again.

Nothing else changes: the store is authoritative and every memory stays readable and writable.
"""

from collections.abc import Callable

import trio

from engram_sync.node._core import Core
from engram_sync.node._limits import REACH_GRACE_S
from engram_sync.observe import Log

log = Log("network")
_PROBLEM = "network"


async def watch_reach(core: Core, alone: Callable[[], bool]) -> None:
    """Keep the problem "network" true while the network runs.

    Args:
        core: The node.
        alone: Whether other members exist and none of them is connected.
    """
    try:
        while True:
            await _while(core, lambda: not alone())
            with trio.move_on_after(REACH_GRACE_S):
                await _while(core, alone)
                continue
            core.problems[_PROBLEM] = "no other node of the agent can be reached; working locally"
            log.warning("no other node can be reached, working locally")
            core.announce_change()
            await _while(core, alone)
            core.problems.pop(_PROBLEM)
            log.info("other nodes can be reached again")
            core.announce_change()
    finally:
        core.problems.pop(_PROBLEM, None)


async def _while(core: Core, condition: Callable[[], bool]) -> None:
    while condition():
        await core.wait_change()
