"""Run random histories from the command line: ``python -m tests.histories --runs N --seed S``.

Each seed is three histories: one of documents alone, which is fast and knows the worst networks;
one of whole homes that are copied, restored, compacted and joined late; and one that is lived
twice, under right clocks and under wild ones.
"""

import argparse
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from engram_crdt import DocumentError
from engram_sync.errors import CorruptError
from tests.oracle import Disagreement

from ._cost_defects import COST_DEFECTS
from ._costs import run_cost
from ._defects import DEFECTS
from ._history import Outcome, run_history
from ._life import LifeOutcome, run_life
from ._life_defects import LIFE_DEFECTS
from ._twin_defects import TWIN_DEFECTS
from ._twins import TwinOutcome, run_twins

SEEDS_TO_FIND_A_DEFECT = 200
COLLECT_EVERY = 100_000
"""New objects after which a process looks for garbage."""
BLOCK = 25
"""Seeds that one process runs before it is asked again."""


@dataclass
class Total:
    """What the histories of some seeds contained, and the first disagreement among them."""

    documents: Outcome = field(default_factory=Outcome)
    homes: LifeOutcome = field(default_factory=LifeOutcome)
    twins: TwinOutcome = field(default_factory=TwinOutcome)
    seed: int = -1
    """Of the first disagreement."""
    disagreement: str = ""

    def add(self, other: "Total") -> None:
        """Count other seeds."""
        self.documents.add(other.documents)
        self.homes.add(other.homes)
        self.twins.add(other.twins)


def run_seeds(seeds: Sequence[int]) -> Total:
    """Run every history of these seeds, up to the first disagreement."""
    total = Total()
    for seed in seeds:
        try:
            total.documents.add(run_history(seed))
            total.homes.add(run_life(seed))
            total.twins.add(run_twins(seed))
        except Disagreement as disagreement:
            total.seed, total.disagreement = seed, str(disagreement)
            break
    return total


def blocks(seeds: range) -> list[range]:
    """The seeds in portions of ``BLOCK``."""
    return [seeds[start : start + BLOCK] for start in range(0, len(seeds), BLOCK)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them; returns 0, or 1 after the first disagreement or the first defect not found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.histories", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--runs", type=int, default=500, help="number of seeds")
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes")
    parser.add_argument(
        "--defects", action="store_true", help="plant each known defect and see it found instead"
    )
    options = parser.parse_args(arguments)
    if options.defects:
        return find_defects(options.seed)
    seeds = range(options.seed, options.seed + options.runs)
    total = Total()
    for part in _parts(blocks(seeds), options.jobs):
        if part.disagreement:
            sys.stderr.write(
                f"seed {part.seed}: {part.disagreement}\n"
                f"replay: python -m tests.histories --runs 1 --seed {part.seed}\n"
            )
            return 1
        total.add(part)
    sys.stdout.write(f"{options.runs} histories from seed {options.seed}: no disagreement\n")
    for title in ("documents", "homes", "twins"):
        counters = cast(dict[str, int], vars(getattr(total, title)))
        for name, value in counters.items():
            sys.stdout.write(f"  {title + ' ' + name:28} {value}\n")
    return 0


def _parts(portions: Sequence[range], jobs: int) -> Iterator[Total]:
    if jobs == 1:
        yield from map(run_seeds, portions)
        return
    with ProcessPoolExecutor(jobs) as pool:
        try:
            yield from pool.map(run_seeds, portions)
        finally:
            pool.shutdown(cancel_futures=True)


def planted() -> Iterator[tuple[str, Callable[[int], object]]]:
    """Each defect by name, and what runs one history with it."""
    for replica in DEFECTS:
        yield replica.__name__, partial(run_history, replica_type=replica)
    for home in LIFE_DEFECTS:
        yield home.__name__, partial(run_life, home_type=home)
    for home in TWIN_DEFECTS:
        yield home.__name__, partial(run_twins, home_type=home)
    for home, cases in COST_DEFECTS.items():
        yield home.__name__, partial(run_cost, home_type=home, names=cases)


def find_defects(first: int) -> int:
    """Say of each planted defect which seed found it and how."""
    missed = 0
    for name, run in planted():
        found = "NOT FOUND"
        for seed in range(first, first + SEEDS_TO_FIND_A_DEFECT):
            try:
                run(seed)
            except (Disagreement, DocumentError, CorruptError) as disagreement:
                found = f"seed {seed}: {str(disagreement)[:80]}"
                break
        missed += found == "NOT FOUND"
        sys.stdout.write(f"{name:22} {found}\n")
    sys.stdout.write(f"{missed} not found\n")
    return int(missed > 0)


if __name__ == "__main__":
    # A history makes little that refers to itself: looking for it took an eighth of the time.
    gc.freeze()
    gc.set_threshold(COLLECT_EVERY)
    sys.exit(main())
