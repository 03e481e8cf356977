"""``python -m tests.hostile [--full] [--case NAME]``: every attack, and what others noticed."""

import argparse
import tempfile
from pathlib import Path

import trio

from ._attacks import CASES
from ._floods import FLOODS
from ._run import HEADER, run


async def main(full: bool, name: str | None) -> int:
    """Run them all, each group on nodes of its own; 1 when something was not as it should be."""
    print(HEADER)  # noqa: T201
    wrong = 0
    for cases in (CASES, FLOODS):
        chosen = [case for case in cases if name in (None, case.name)]
        if not chosen:
            continue
        with tempfile.TemporaryDirectory() as folder:
            results, damaged = await run(chosen, Path(folder), full=full)
        for problem in damaged:
            print(f"doctor: {problem}")  # noqa: T201
        wrong += len(damaged) + sum(bool(result.problems) for result in results)
    return int(wrong > 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--full", action="store_true", help="large sizes: minutes")
    parser.add_argument("--case", help="one attack only")
    told = parser.parse_args()
    raise SystemExit(trio.run(main, told.full, told.case))
