"""For tests of programs that embed a node: whole nodes, on a network and in homes of memory.

    async def test_what_one_agent_learns_the_other_recalls(autojump_clock):
        async with nodes(2) as (a, b):
            await a.remember("Deploys go out on Tuesdays")
            await converged(a, b)
            assert await b.recall("when do we deploy?")

Under a clock of trio that jumps (`trio.testing.MockClock`) no test waits, and from one seed it
repeats.  Holds what stands in for a machine: links, wall clocks, homes, the executor.  Nothing of
the program may import it.
"""

from ._clock import EPOCH_MS as EPOCH_MS
from ._clock import SimulatedClock as SimulatedClock
from ._cluster import PORT as PORT
from ._cluster import Cluster as Cluster
from ._cluster import nodes as nodes
from ._convergence import agent_scope as agent_scope
from ._convergence import agree as agree
from ._convergence import converged as converged
from ._convergence import until as until
from ._executor import InlineExecutor as InlineExecutor
from ._home import DirectoryHome as DirectoryHome
from ._home import Disk as Disk
from ._home import MemoryHome as MemoryHome
from ._links import TappedStream as TappedStream
from ._links import WrappedTransport as WrappedTransport
from ._network import MemoryNetwork as MemoryNetwork
from ._network import MemoryTransport as MemoryTransport
from ._network import NetworkFaults as NetworkFaults

__all__ = [
    "EPOCH_MS",
    "PORT",
    "Cluster",
    "DirectoryHome",
    "Disk",
    "InlineExecutor",
    "MemoryHome",
    "MemoryNetwork",
    "MemoryTransport",
    "NetworkFaults",
    "SimulatedClock",
    "TappedStream",
    "WrappedTransport",
    "agent_scope",
    "agree",
    "converged",
    "nodes",
    "until",
]
