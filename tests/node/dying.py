"""``python -m tests.node.dying HOME WHAT TIMES``: open a home, and be killed on the way.

WHAT is what is counted until TIMES: ``random`` for random bytes, which are drawn before each commit
of a migration, or the audit event of a name that a file gets, ``os.link`` or ``os.rename``.
"""

import os
import signal
import sys
from pathlib import Path

import trio

from engram_sync.config import Config
from engram_sync.node import Environment, Node


class Countdown:
    """Ends the process when something happens for the last time that it may."""

    def __init__(self, what: str, times: int) -> None:
        self._what = what
        self._left = times

    def happened(self, what: str) -> None:
        """Count it."""
        if what == self._what:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


async def live(home: Path, countdown: Countdown) -> None:
    """Open and close the home."""

    def entropy(size: int) -> bytes:
        countdown.happened("random")
        return os.urandom(size)

    environment = Environment(entropy=entropy)
    async with Node.open(home, config=Config(), services=(), environment=environment):
        pass


if __name__ == "__main__":
    counted = Countdown(sys.argv[2], int(sys.argv[3]))
    sys.addaudithook(lambda event, _: counted.happened(event))
    trio.run(live, Path(sys.argv[1]), counted)
