"""Run random histories from the command line: ``python -m tests.histories --runs N --seed S``."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from tests.oracle import Disagreement

from ._history import Outcome, run_history


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them; returns 0, or 1 after the first disagreement."""
    parser = argparse.ArgumentParser(prog="python -m tests.histories", description=__doc__)
    parser.add_argument("--runs", type=int, default=500, help="number of histories")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first one")
    options = parser.parse_args(arguments)
    total = Outcome()
    for seed in range(options.seed, options.seed + options.runs):
        try:
            total.add(run_history(seed))
        except Disagreement as disagreement:
            sys.stderr.write(
                f"seed {seed}: {disagreement}\n"
                f"replay: python -m tests.histories --runs 1 --seed {seed}\n"
            )
            return 1
    sys.stdout.write(f"{options.runs} histories from seed {options.seed}: no disagreement\n")
    for name, value in asdict(total).items():
        sys.stdout.write(f"  {name:20} {value}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
