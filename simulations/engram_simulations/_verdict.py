"""How a run ended."""

from collections import Counter
from dataclasses import dataclass, field
from enum import IntEnum


class Verdict(IntEnum):
    """The three ways to fail, and success; the number is the exit code."""

    PASSED = 0
    CRASH = 125
    """A node ended with an error that nobody expected."""
    LIVENESS = 126
    """Nothing was wrong any more, and the nodes did not come to agree in time."""
    CORRECTNESS = 127
    """A checker objected: something that must never be was."""


class LivenessError(Exception):
    """What should have come about by now did not."""


class CorrectnessError(Exception):
    """What must never be was.

    Args:
        checker: Who objects.
        what: What is wrong, in one line.
    """

    def __init__(self, checker: str, what: str) -> None:
        super().__init__(f"{checker}: {what}")
        self.checker = checker


@dataclass(slots=True)
class Report:
    """One finished run."""

    seed: int
    verdict: Verdict
    plan: str
    replay: str
    """The command that runs it again."""
    simulated_s: float = 0.0
    reason: str = ""
    """Why it failed; empty when it passed."""
    checker: str = ""
    """Who objected, when somebody did."""
    trace: list[str] = field(default_factory=list[str])
    seen: Counter[str] = field(default_factory=Counter[str])
    """What happened how often, of what has to happen sometimes."""
