"""Members that hold the same records as this node and show something else."""

from engram_sync.node._core import Core
from engram_sync.node._network import Network
from engram_sync.observe import printable
from engram_sync.replication import ScopeView

NAMED_MAX = 3
"""Members of one scope that are named."""


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
    names = [printable(core.path.label(view.scope, key)) or key.hex()[:16] for key in others]
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    named = ", ".join(sorted(names)[:NAMED_MAX])
    return f"scope {view.scope.hex()[:16]} has the same clock and another state at {named}{more}"
