"""Run random histories from the command line: ``python -m tests.histories --runs N --seed S``.

Each seed is two histories: one of documents alone, which is fast and knows the worst networks, and
one of whole homes that are copied, restored, compacted and joined late.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from engram_crdt import DocumentError
from tests.oracle import Disagreement

from ._defects import DEFECTS
from ._history import Outcome, run_history
from ._life import LifeOutcome, run_life
from ._life_defects import LIFE_DEFECTS

SEEDS_TO_FIND_A_DEFECT = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them; returns 0, or 1 after the first disagreement or the first defect not found."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.histories", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--runs", type=int, default=500, help="number of seeds")
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument(
        "--defects", action="store_true", help="plant each known defect and see it found instead"
    )
    options = parser.parse_args(arguments)
    if options.defects:
        return find_defects(options.seed)
    documents, lives = Outcome(), LifeOutcome()
    for seed in range(options.seed, options.seed + options.runs):
        try:
            documents.add(run_history(seed))
            lives.add(run_life(seed))
        except Disagreement as disagreement:
            sys.stderr.write(
                f"seed {seed}: {disagreement}\n"
                f"replay: python -m tests.histories --runs 1 --seed {seed}\n"
            )
            return 1
    sys.stdout.write(f"{options.runs} histories from seed {options.seed}: no disagreement\n")
    for title, outcome in (("documents", documents), ("homes", lives)):
        for name, value in vars(outcome).items():
            sys.stdout.write(f"  {title + ' ' + name:28} {value}\n")
    return 0


def planted() -> Iterator[tuple[str, Callable[[int], object]]]:
    """Each defect by name, and what runs one history with it."""
    for replica in DEFECTS:
        yield replica.__name__, partial(run_history, replica_type=replica)
    for home in LIFE_DEFECTS:
        yield home.__name__, partial(run_life, home_type=home)


def find_defects(first: int) -> int:
    """Say of each planted defect which seed found it and how."""
    missed = 0
    for name, run in planted():
        found = "NOT FOUND"
        for seed in range(first, first + SEEDS_TO_FIND_A_DEFECT):
            try:
                run(seed)
            except (Disagreement, DocumentError) as disagreement:
                found = f"seed {seed}: {str(disagreement)[:80]}"
                break
        missed += found == "NOT FOUND"
        sys.stdout.write(f"{name:22} {found}\n")
    sys.stdout.write(f"{missed} not found\n")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
