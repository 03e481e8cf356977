"""The checker of incarnations: who may go on writing to which log."""

from collections import defaultdict

from engram_simulations._checkers import Watcher
from engram_simulations._trace import Trace


class LogsContinueOnProof(Watcher):
    """A node continues its log after a clean restart, and never after anything else.

    A node that lost its witness cannot know that its store is the newest one; were it to go on
    with the old log, a restored backup would sign two records with one number.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._expected: dict[str, str] = {}
        self._left: set[str] = set()
        self._beyond: set[str] = set()
        self._forbidden: dict[str, set[str]] = defaultdict(set)

    def left(self, name: str) -> None:
        """The node was stopped in order."""
        self._left.add(name)

    def lost_proof(self, name: str) -> None:
        """The node crashed, or the witness it left is gone."""
        expected = self._expected.pop(name, None)
        if expected is not None:
            self._forbidden[name].add(expected)

    def cannot_tell(self, name: str) -> None:
        """Another copy of its home takes its place: which log it may go on with, only peers know.

        From here on the forks that come of it are looked at, and nothing else.
        """
        self._beyond.add(name)

    def wrote(self, name: str, log: str) -> None:
        """The node's newest record of the shared scope is in this log."""
        if name in self._beyond:
            return
        if log in self._forbidden[name]:
            raise self.objects(f"{name} goes on with {log} without proof that it is the newest")
        expected = self._expected.get(name, log)
        if log != expected:
            raise self.objects(f"{name} left {expected} in order and begins {log}")
        if name not in self._expected and self._forbidden[name]:
            self._trace.sometimes("a new incarnation")
        elif name in self._left:
            self._trace.sometimes("a log continued after a restart")
        self._left.discard(name)
        self._expected[name] = log
