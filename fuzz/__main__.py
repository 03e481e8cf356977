"""``python -m fuzz NAME --seconds N [--seed S]``: search for a counter-example to one target.

Exit code 0: none found; 1: found, written to the corpus and printed with the command that replays
it; 2: usage.
"""

import argparse
import random
import sys
from pathlib import Path

from ._run import CORPUS, failure_of, keep, load, names, run


def main(arguments: list[str], *, corpus: Path = CORPUS) -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("name", nargs="?", choices=names(), help="which target")
    parser.add_argument("--list", action="store_true", help="print every target and stop")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to search")
    parser.add_argument("--seed", type=int, help="draws every mutation; random when absent")
    parser.add_argument("--input", type=Path, help="check this one file and stop")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(names()))
        return 0
    if options.name is None:
        parser.error("name a target, or --list")
    if options.input is not None:
        return _replay(options.name, options.input)
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    return _search(options.name, options.seconds, seed, corpus)


def _replay(name: str, path: Path) -> int:
    report = failure_of(load(name), path.read_bytes())
    print(report or f"{name}: {path.name} keeps the invariant")
    return 1 if report else 0


def _search(name: str, seconds: float, seed: int, corpus: Path) -> int:
    print(f"{name}: seed {seed}", flush=True)
    outcome = run(name, seconds=seconds, seed=seed, corpus=corpus)
    if outcome.failing is None:
        print(f"{name}: {outcome.inputs} inputs, no counter-example")
        return 0
    print(outcome.report)
    print(f"{name}: input {outcome.inputs} of seed {seed} breaks the invariant:")
    print(f"    {outcome.failing.hex()}")
    if name == "canary":  # its counter-examples are no findings and do not belong in the corpus
        print(f"replay: python -m fuzz {name} --seconds {seconds:g} --seed {seed}")
        return 1
    path = keep(name, outcome.failing, corpus)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    print(f"replay: python -m fuzz {name} --input {shown}")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
