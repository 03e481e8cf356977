"""``python -m simulations``: run one seed, or a range of them.

Exit code 0: nothing was found.  125: a node crashed.  126: the nodes did not come to agree in
time.  127: a checker objected.  2: usage.
"""

import argparse
import time
from collections import Counter

from engram_simulations._plan import NODES_MAX, NODES_MIN, STEPS
from engram_simulations._run import run
from engram_simulations._trace import SOMETIMES
from engram_simulations._verdict import Report, Verdict

SEED_MAX = 2**63 - 1
TRACE_LINES_SHOWN = 30


def main(arguments: list[str]) -> int:
    """Run the command with these arguments; returns the exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "run":
        return _run(options.seed, options.nodes, options.steps, trace=options.trace)
    return _sweep(options.seeds, options.nodes, options.steps)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("run", help="run one seed")
    one.add_argument("--seed", type=_seed, required=True, help="draws everything")
    one.add_argument("--trace", action="store_true", help="print every event")
    many = commands.add_parser("sweep", help="run a range of seeds and count what they met")
    many.add_argument(
        "--seeds", type=_seeds, required=True, metavar="A..B", help="from A to B, both included"
    )
    for command in (one, many):
        command.add_argument(
            "--nodes",
            type=int,
            choices=range(NODES_MIN, NODES_MAX + 1),
            help="how many nodes; by default the seed says",
        )
        command.add_argument("--steps", type=_steps, help=f"how many steps; by default {STEPS}")
    return parser


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed <= SEED_MAX:
        raise argparse.ArgumentTypeError(f"a seed from 0 to {SEED_MAX}, not {text}")
    return seed


def _seeds(text: str) -> range:
    first, dots, last = text.partition("..")
    seeds = range(_seed(first), _seed(last if dots else first) + 1)
    if not seeds:
        raise argparse.ArgumentTypeError(f"{text} holds no seed")
    return seeds


def _steps(text: str) -> int:
    steps = int(text)
    if steps < 0:
        raise argparse.ArgumentTypeError(f"{text} steps cannot be taken")
    return steps


def _run(seed: int, nodes: int | None, steps: int | None, *, trace: bool) -> int:
    print(f"seed {seed}", flush=True)
    report = run(seed, nodes=nodes, steps=steps, echo=print if trace else None)
    print(report.plan)
    if report.verdict is Verdict.PASSED:
        print(f"passed: {len(report.trace)} events in {report.simulated_s:.0f} simulated seconds")
        _print_seen(report.seen, missing=False)
    else:
        _print_failure(report, with_trace=not trace)
    return int(report.verdict)


def _sweep(seeds: range, nodes: int | None, steps: int | None) -> int:
    seen: Counter[str] = Counter()
    failures: list[Report] = []
    simulated_s = 0.0
    began = time.process_time()
    for seed in seeds:
        report = run(seed, nodes=nodes, steps=steps)
        seen += report.seen
        simulated_s += report.simulated_s
        if report.verdict is not Verdict.PASSED:
            failures.append(report)
            _print_failure(report, with_trace=False)
    spent = time.process_time() - began
    print(
        f"{len(seeds)} seeds, {len(failures)} failed,"
        f" {simulated_s:.0f} simulated seconds in {spent:.1f} s of CPU"
    )
    _print_seen(seen, missing=True)
    return max((int(report.verdict) for report in failures), default=0)


def _print_failure(report: Report, *, with_trace: bool) -> None:
    print(f"seed {report.seed}: {report.verdict.name.lower()}")
    print(f"  {report.plan}")
    if with_trace:
        for line in report.trace[-TRACE_LINES_SHOWN:]:
            print(f"  {line}")
    for line in report.reason.splitlines():
        print(f"  {line}")
    print(f"  replay: {report.replay}", flush=True)


def _print_seen(seen: Counter[str], *, missing: bool) -> None:
    for name in SOMETIMES:
        if seen[name] or missing:
            print(f"  {seen[name]:8d}  {name}")
    never = [name for name in SOMETIMES if not seen[name]]
    if missing and never:
        print(f"never met: {', '.join(never)}")
