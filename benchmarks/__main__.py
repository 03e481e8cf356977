"""``python -m benchmarks CASE --engrams N [--runs R] [--json] [--save]``."""

import argparse
import json
import platform
import subprocess
from pathlib import Path

import trio

from benchmarks.cases import CASES

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
    parser.add_argument("case", choices=sorted(CASES))
    parser.add_argument("--engrams", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--save", action="store_true", help="append to results/history.jsonl")
    told = parser.parse_args()
    measured = trio.run(CASES[told.case], told.engrams, told.runs)
    row = {
        "case": told.case,
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
