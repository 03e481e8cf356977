"""``import``: many memories from files or a repository's history."""

import sys
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engram_sync.errors import DegradedError, NotFoundError, PreconditionError, UsageError

from ._attach import call
from ._kinds import shard
from ._output import print_json, print_line
from ._state import Options, global_options, pass_state

if TYPE_CHECKING:
    from engram_sync.api.arguments import NewMemory
    from engram_sync.api.calls import NodeApi
    from engram_sync.control.sources import ImportProblem

BATCH_MEMORIES = 200
"""Small enough that the bar moves, large enough that a commit is worth its fsync."""
FORMATS = ("markdown", "git")
REFUSALS = (UsageError, PreconditionError)
"""What is wrong with one memory: it cannot be stored, or its source has changed since it was."""

Advance = Callable[[int], None]


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="By default git for a repository, else markdown.",
)
@click.option("--shard", "part", type=shard, metavar="I/N", help="Only part I of N.")
@global_options
@pass_state
def import_command(
    state: Options, *, path: Path, format_: str | None, part: tuple[int, int] | None
) -> int:
    """Write one memory per commit of a repository, or per section of Markdown files.

    Importing again changes nothing that is there already.  Parts that cannot be read are reported
    with their place, the others go in; the exit code is then 6.
    """
    if not path.exists():
        raise NotFoundError(f"no such file or directory: {path}", hint="check the path")
    chosen = format_ or ("git" if (path / ".git").exists() else "markdown")
    memories, problems = read_source(path, chosen, part)
    if part is None and not memories and not problems:
        raise NotFoundError(
            f"nothing to import as {chosen} in {path}", hint=f"allowed: {' or '.join(FORMATS)}"
        )
    with _progress(f"importing {chosen}", len(memories)) as advance:
        refused = call(state, lambda node: write_batches(node, memories, advance))
    places = [(problem.place, problem.message) for problem in problems] + refused
    imported = len(memories) - len(refused)
    if state.json:
        print_json(
            "import",
            format=chosen,
            path=str(path),
            imported=imported,
            problems=[{"place": place, "message": message} for place, message in places],
        )
    else:
        print_line(f"imported {imported} memories from {path}")
        for place, message in places:
            print_line(f"not imported: {place}: {message}", file=sys.stderr)
    return DegradedError.exit_code if places else 0


def read_source(
    path: Path, chosen: str, part: tuple[int, int] | None
) -> "tuple[list[NewMemory], list[ImportProblem]]":
    """The memories of a source that belong to a part of it, and what could not be read."""
    from engram_sync.control.sources import ImportProblem, read_git, read_markdown

    slot = None if part is None else (part[0] - 1, part[1])
    items = read_git(path, shard=slot) if chosen == "git" else read_markdown(path, shard=slot)
    memories: list[NewMemory] = []
    problems: list[ImportProblem] = []
    for item in items:
        if isinstance(item, ImportProblem):
            problems.append(item)
        else:
            memories.append(item)
    return memories, problems


async def write_batches(
    node: "NodeApi",
    memories: "Sequence[NewMemory]",
    advance: Advance,
    *,
    size: int = BATCH_MEMORIES,
) -> list[tuple[str, str]]:
    """Write all memories in order; returns place and reason of each that was refused."""
    refused: list[tuple[str, str]] = []
    for start in range(0, len(memories), size):
        batch = memories[start : start + size]
        try:
            await node.remember_many(batch)
        except REFUSALS:
            # One of them is bad, and with it the whole commit: find it, keep the others.
            refused += await _write_singly(node.remember_many, batch, start)
        advance(len(batch))
    return refused


async def _write_singly(
    remember_many: "Callable[[Sequence[NewMemory]], Awaitable[object]]",
    batch: "Sequence[NewMemory]",
    start: int,
) -> list[tuple[str, str]]:
    refused: list[tuple[str, str]] = []
    for number, memory in enumerate(batch, start + 1):
        try:
            await remember_many([memory])
        except REFUSALS as error:
            what = f"{error.message}; {error.hint}" if error.hint else error.message
            refused.append((memory.key or f"part {number}", what))
    return refused


@contextmanager
def _progress(title: str, total: int) -> Generator[Advance]:
    """A bar on standard error when that is a terminal; nothing otherwise."""
    if not sys.stderr.isatty():
        yield _ignore
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total)
        yield lambda count: bar.advance(task, count)


def _ignore(_: int) -> None:
    pass
