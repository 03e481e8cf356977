"""``python -m benchmarks CASE --engrams N [--runs R] [--json] [--save]``.

``growth`` takes ``--case NAME`` instead, exits with 1 when a curve exceeds the recorded one, and
``--save`` records what it measured.
"""

import argparse
import json
import platform
import subprocess
import sys
from pathlib import Path

import trio

from benchmarks.cases import CASES
from benchmarks.growth import growth

RESULTS = Path(__file__).parent / "results" / "history.jsonl"


def commit() -> str:
    """The commit that is being measured, with a mark when the tree differs from it."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return described.stdout.strip() or "unknown"


def main() -> None:
    """Run one case and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("measure", metavar="CASE", choices=sorted((*CASES, "growth")))
    parser.add_argument("--engrams", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--case", help="the only curve of growth to measure")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--save", action="store_true", help="keep it in benchmarks/results")
    told = parser.parse_args()
    if told.measure == "growth":
        sys.exit(growth(told.case, as_json=told.json, save=told.save))
    measured = trio.run(CASES[told.measure], told.engrams, told.runs)
    row = {
        "case": told.measure,
        "engrams": told.engrams,
        "commit": commit(),
        "python": platform.python_version(),
        **{key: round(value, 3) for key, value in measured.items()},
    }
    if told.save:
        RESULTS.parent.mkdir(exist_ok=True)
        with RESULTS.open("a") as file:
            file.write(json.dumps(row) + "\n")
    if told.json:
        print(json.dumps(row))
        return
    for key, value in row.items():
        print(f"{key:28} {value}")


if __name__ == "__main__":
    main()
