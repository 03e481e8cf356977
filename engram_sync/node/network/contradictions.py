"""What others say that contradicts this node: another state, or another node with its key."""

from collections.abc import Sequence

import trio

from engram_sync.node.core import Core
from engram_sync.node.network.network import Network
from engram_sync.observe import printable
from engram_sync.sync import ScopeView

REFUSALS_MAX = 16
"""Logs that are listed one by one; a member can refuse any number."""
NAMED_MAX = 3
"""Members that one problem names."""


def refusals(network: Network) -> list[str]:
    """What members that are connected say that they do not take: of many the first."""
    said = [text for c in network.connections.values() for text in c.refusals.values()]
    more = len(said) - REFUSALS_MAX
    return [*said[:REFUSALS_MAX], *([f"{more} more logs are refused"] if more > 0 else [])]


def copies(core: Core, network: Network) -> list[str]:
    """Problems in words when a copy of this node, or of a peer, takes turns with its original."""
    now, scope = trio.current_time(), core.facts.agent_scope
    known = tuple(network.memory.items())
    at = [key for key, memory in known if memory.by_a_copy(now)]
    of = [key for key, memory in known if memory.by_copies(now)]
    found: list[str] = []
    if at:
        found.append(
            f"another node with this node's key takes turns with it at {named(core, scope, at)}:"
            " a copy of this home runs; nothing is lost, and a second node needs init and join"
        )
    if of:
        found.append(
            f"two nodes with the key of {named(core, scope, of)} take turns here: a copy of that"
            " home runs; nothing is lost, and a second node needs init and join"
        )
    return found


def divergences(core: Core, network: Network) -> list[str]:
    """A problem in words for each scope in which this node may be the one that is wrong.

    By the last word of whoever is connected now: a member that takes it back, or is gone, says
    nothing any more.  Where more members agree with this node than contradict it, the problem is
    theirs, and is shown with the peer: a single member can lie for as long as it likes.
    """
    found = [_divergence(core, network, view) for view in tuple(core.scopes.values())]
    return [text for text in found if text]


def _divergence(core: Core, network: Network, view: ScopeView) -> str:
    exchanges = [connection.exchange for connection in network.connections.values()]
    others = [e.peer for e in exchanges if e.diverged(view.scope)]
    words = [e.summaries().get(view.scope) for e in exchanges]
    same = [word for word in words if word and word.state_digest == view.state_digest]
    if not others or len(same) >= len(others):
        return ""
    at = named(core, view.scope, others)
    return f"scope {view.scope.hex()[:16]} has the same clock and another state at {at}"


def named(core: Core, scope: bytes, keys: Sequence[bytes]) -> str:
    """What people call these nodes; of many, some."""
    names = [printable(core.path.label(scope, key)) or key.hex()[:16] for key in keys]
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(sorted(names)[:NAMED_MAX]) + more
