"""How the cost of the next operation grows with what is held: ``python -m benchmarks growth``.

Each curve is measured at a small and at a large size within one run, in CPU time of this process,
under virtual time and without a disk or a network: what is left is the work of the program.  A
curve fails when its ratio (large over small) exceeds the recorded one, with a tolerance for noise.
"""

import gc
import json
import math
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import trio
from trio.testing import MockClock

RECORDED = Path(__file__).parent / "results" / "growth.json"
TOLERANCE = 1.5
"""Two runs of one commit on a loaded machine differ by less."""
STEPS = 11
"""Operations measured at each size; their lower quartile counts, because what else runs on a
machine only ever adds to one."""
IDLE_S = 1.0
"""Virtual time after each operation, so that what it leaves for later counts too."""

Step = Callable[[], Awaitable[object]]
Measure = Callable[[Sequence[int]], Awaitable[list[float]]]
"""CPU seconds at each size, the sizes ascending."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One way to grow, and what is paid for it."""

    held: str
    """What there is more of."""
    cost: str
    """What is measured."""
    small: int
    large: int
    measure: Measure


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one curve."""

    name: str
    small: int
    large: int
    small_ms: float
    large_ms: float
    recorded: float | None
    """The largest ratio it may have, noise aside; None when nobody recorded one."""

    @property
    def ratio(self) -> float:
        """What the operation costs at the large size over what it costs at the small one."""
        return self.large_ms / self.small_ms

    @property
    def slope(self) -> float:
        """The exponent: 0 is constant, 1 is linear."""
        return math.log(self.ratio) / math.log(self.large / self.small)

    @property
    def exceeds(self) -> bool:
        """Whether it grows faster than recorded."""
        return self.recorded is not None and self.ratio > max(self.recorded, 1) * TOLERANCE


async def cpu(step: Step) -> float:
    """CPU seconds of one operation and of what it leaves to be done while nothing else happens."""
    start = time.process_time()
    await step()
    await trio.sleep(IDLE_S)
    return time.process_time() - start


async def typical_cpu(step: Step, times: int = STEPS) -> float:
    """The lower quartile of several."""
    gc.collect()
    return statistics.quantiles([await cpu(step) for _ in range(times)], n=4)[0]


def measured(name: str, curve: Curve) -> Measured:
    """Measure one curve in a world of its own."""
    sizes = curve.small, curve.large
    small, large = trio.run(curve.measure, sizes, clock=MockClock(autojump_threshold=0))
    recorded = _recorded().get(name)
    return Measured(name, *sizes, small * 1e3, large * 1e3, recorded)


def _recorded() -> dict[str, float]:
    held: dict[str, float] = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    return held


def growth(case: str | None, *, as_json: bool, save: bool) -> int:
    """Measure all curves, or one; returns the exit code.

    Args:
        case: The only one to measure.
        as_json: Print one JSON object per curve instead of a table.
        save: Write the ratios down as the recorded ones.
    """
    from benchmarks.growth_cases import CURVES

    if case is not None and case not in CURVES:
        print(f"no case {case!r}; there are {', '.join(CURVES)}")
        return 2
    if not as_json:
        print(
            f"{'case':16}{'sizes':>14}{'ms':>10}{'ms':>10}{'ratio':>8}{'slope':>7}{'recorded':>10}"
        )
    rows: list[Measured] = []
    for name, curve in CURVES.items():
        if case in (None, name):
            rows.append(measured(name, curve))
            print(_json(rows[-1]) if as_json else _line(rows[-1]), flush=True)
    if save:
        held = _recorded() | {row.name: round(row.ratio, 2) for row in rows}
        RECORDED.write_text(
            json.dumps({name: held[name] for name in CURVES if name in held}, indent=2) + "\n"
        )
    return int(not save and any(row.exceeds for row in rows))


def _line(row: Measured) -> str:
    sizes = f"{row.small} {row.large}"
    recorded = "-" if row.recorded is None else f"{row.recorded:.2f}"
    line = f"{row.name:16}{sizes:>14}{row.small_ms:10.2f}{row.large_ms:10.2f}{row.ratio:8.2f}"
    return f"{line}{row.slope:7.2f}{recorded:>10}{'  EXCEEDED' if row.exceeds else ''}"


def _json(row: Measured) -> str:
    return json.dumps(
        {
            "case": row.name,
            "sizes": [row.small, row.large],
            "ms": [round(row.small_ms, 3), round(row.large_ms, 3)],
            "ratio": round(row.ratio, 2),
            "slope": round(row.slope, 2),
            "recorded": row.recorded,
            "exceeds": row.exceeds,
        }
    )
