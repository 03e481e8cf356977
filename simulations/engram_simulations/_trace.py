"""What happened, one line per event, aligned by node; and what happened at least once."""

from collections import Counter
from collections.abc import Callable

SOMETIMES = (
    "a partition",
    "a link cut",
    "a link cut in mid-transfer",
    "a clogged link",
    "a transfer resumed",
    "a clean restart",
    "a log continued after a restart",
    "a reboot",
    "a crash",
    "a crash during a write",
    "a crash while opening",
    "a new incarnation",
    "concurrent edits",
    "a conflict resolved",
    "an edit concurrent with a delete",
    "a delete",
    "a restore",
    "a write on an old view",
    "a write refused over open edits",
    "a memory of many records",
    "an instance memory",
    "synced claimed",
    "a node that knows it is alone",
    "a resumed snapshot",
    "a restored home",
    "a home that came back",
    "a forked log",
    "a log ended because a copy wrote it",
    "a sealed log",
    "a clock set wrong",
    "a clock set right",
    "a node that knows of a wrong clock",
    "an erasure",
    "an erasure refused",
    "an erasure that all confirmed",
    "a compaction that dropped values",
    "an edit of a shared text",
    "a shared text that two edited at once",
    "an owed payload",
    "a lost payload that came back",
    "an optional kind of tomorrow",
    "a needed kind of tomorrow",
    "a scope stopped until an upgrade",
    "a refused record",
    "records that arrived where another one is refused",
    "a refused record that is taken after all",
    "a burst of edits",
    "a burst of edits after a resumed snapshot",
    "a memory with much beside each other",
)
"""What a sweep has to meet, or it has not tested what it says."""


class Trace:
    """The lines of one run.

    Args:
        names: The nodes, in the order of their columns.
        now_s: The time of the run.
        echo: Gets each line as it is made.
    """

    def __init__(
        self,
        names: str,
        now_s: Callable[[], float],
        echo: Callable[[str], None] | None = None,
    ) -> None:
        self._names = names
        self._now_s = now_s
        self._echo = echo
        self.lines: list[str] = []
        self.seen: Counter[str] = Counter()

    def event(self, who: str, what: str) -> None:
        """Add a line about the nodes named in ``who``; an empty ``who`` means the whole world."""
        marks = "".join(name if name in who else "." for name in self._names)
        line = f"{self._now_s():10.3f} {marks} {what}"
        self.lines.append(line)
        if self._echo is not None:
            self._echo(line)

    def sometimes(self, what: str) -> None:
        """Count something that must happen in some run of a sweep."""
        if what not in SOMETIMES:
            raise ValueError(f"{what!r} is not among what a sweep has to meet")
        self.seen[what] += 1
