"""Plant the defects of worlds and say which seed finds each: ``python -m tests.simulations``."""

import argparse
import sys
import time

from .planted import IN_WORLDS, SEEDS_MAX


def main() -> int:
    """Plant them; returns 0, or 1 when one of them is not found as what it is."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulations", description=__doc__)
    parser.add_argument("names", nargs="*", help="which; all by default")
    parser.add_argument(
        "--first", type=int, help="the first seed; by default the one that is known"
    )
    parser.add_argument("--seeds", type=int, default=SEEDS_MAX, help="how many seeds to try")
    options = parser.parse_args()
    missed = 0
    for defect in IN_WORLDS:
        if options.names and defect.name not in options.names:
            continue
        began = time.process_time()
        first = defect.first if options.first is None else options.first
        report = defect.find(range(first, first + options.seeds))
        found = report is not None and defect.named_by(report)
        missed += not found
        what = f"seed {report.seed}: {report.reason.splitlines()[-1][:120]}" if report else ""
        cpu = f"{time.process_time() - began:.0f} s"
        sys.stdout.write(f"{defect.name:36} {'' if found else 'NOT FOUND '}{what} ({cpu})\n")
        sys.stdout.flush()
    sys.stdout.write(f"{missed} not found\n")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
