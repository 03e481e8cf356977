"""Replay a real history: ``python -m tests.replay PATH [--lines N] [--home DIRECTORY]``."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import trio

from ._dag import Dag, read_dag
from ._replay import Report, replay


def describe(dag: Dag, report: Report) -> str:
    """What a person wants to know of it, a line each."""
    writers = len({commit.writer for commit in dag.commits})
    engrams = max(report.live + report.deleted, 1)
    each = report.fullest_bytes / max(report.fullest, 1)
    compared = f"{report.compared} lines, which received {report.received} records"
    rows = [
        ("commits", f"{len(dag.commits)}, of which {dag.merges} merges"),
        ("lines", f"{dag.lines} of {writers} writers"),
        (
            "operations",
            f"{dag.operations}, {dag.operations / report.replay_seconds:.0f} per second",
        ),
        ("records", f"{report.records} in {report.replay_seconds:.1f} s"),
        ("siblings", f"{report.siblings.total()} sets"),
        *((f"  {name}", str(count)) for name, count in report.siblings.most_common()),
        ("engrams", f"{report.live} live, {report.deleted} deleted at the end"),
        ("on disk", f"{report.store_bytes} bytes, {report.store_bytes / engrams:.0f} per engram"),
        ("compacted", f"{report.compacted_bytes} bytes"),
        ("fullest", f"{report.fullest} live in {report.fullest_bytes} bytes, {each:.0f} each"),
        ("compared", f"{compared} in {report.converge_seconds:.1f} s"),
        ("convergence", "equal clocks and digests" if not report.problems else "FAILED"),
    ]
    return "\n".join([f"{name:14} {value}" for name, value in rows] + report.problems[:20])


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay it; returns 0, or 1 when something is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.replay", description=__doc__)
    parser.add_argument("path", type=Path, help="the history; skipped where there is none")
    parser.add_argument("--lines", type=int, help="lines to compare at the end; all by default")
    parser.add_argument("--home", type=Path, help="an empty directory to keep the stores in")
    options = parser.parse_args(arguments)
    if not options.path.is_file():
        sys.stdout.write(f"skipped: there is no history at {options.path}\n")
        return 0
    dag = read_dag(options.path)
    say = partial(print, file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        home = options.home or Path(temporary)
        report = trio.run(partial(replay, dag, home, lines=options.lines, say=say))
    sys.stdout.write(describe(dag, report) + "\n")
    return 1 if report.problems else 0


if __name__ == "__main__":
    sys.exit(main())
