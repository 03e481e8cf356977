"""The commits of the file, and the lines that they form.

One JSON object per line.  ``k`` is ``commit`` once for each commit; every other line is an
operation of a commit on one issue: ``add`` (all its fields), ``set`` (some; null removes one) or
``del``.  Operations are relative to the first parent, so those of a merge repeat the other one's.
"""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Fields = dict[str, Any]
"""One issue: names of fields to values as JSON has them."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One issue as one commit changed it."""

    kind: str
    issue: str
    fields: Fields

    def apply(self, state: dict[str, Fields]) -> None:
        """Change a file's content by it."""
        if self.kind == "del":
            state.pop(self.issue, None)
            return
        before = state.get(self.issue, {}) if self.kind == "set" else {}
        merged = {**before, **self.fields}
        state[self.issue] = {name: value for name, value in merged.items() if value is not None}


@dataclass(slots=True)
class Commit:
    """One commit, with its place in the graph."""

    name: str
    parents: tuple[str, ...]
    writer: str
    time_ms: int
    operations: list[Operation] = field(default_factory=list[Operation])
    line: int = 0
    """The path that it lies on: that of its first parent unless another child has taken it."""


class Dag:
    """Commits in an order in which parents come first.

    Args:
        commits: In such an order.

    Raises:
        ValueError: A parent comes later or not at all, or there is not exactly one root.
    """

    def __init__(self, commits: Iterable[Commit]) -> None:
        self.commits = list(commits)
        self.by_name: dict[str, Commit] = {}
        self.lines = 0
        self.new_lines: dict[str, list[int]] = {}
        """By commit: the lines that begin as copies of it."""
        self.last_use: dict[int, int] = {}
        """By line: index of the last commit that continues, copies or merges it."""
        taken: set[str] = set()
        for index, commit in enumerate(self.commits):
            missing = [name for name in commit.parents if name not in self.by_name]
            if missing or bool(commit.parents) != bool(index):
                raise ValueError(f"commit {commit.name} has no place: parents {commit.parents}")
            first = commit.parents[0] if commit.parents else None
            if first is not None and first not in taken:
                taken.add(first)
                commit.line = self.by_name[first].line
            else:
                commit.line = self.lines
                self.lines += 1
                if first is not None:
                    self.new_lines.setdefault(first, []).append(commit.line)
            self.by_name[commit.name] = commit
            for line in {commit.line, *(self.by_name[name].line for name in commit.parents)}:
                self.last_use[line] = index

    @property
    def operations(self) -> int:
        """Operations on single issues."""
        return sum(len(commit.operations) for commit in self.commits)

    @property
    def merges(self) -> int:
        """Commits with several parents."""
        return sum(len(commit.parents) > 1 for commit in self.commits)


def read_dag(path: Path) -> Dag:
    """The graph in a file of lines, compressed or not.

    Raises:
        OSError: The file cannot be read.
        ValueError: It holds something else.
    """
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        return Dag(_commits(lines))


def _commits(lines: Iterable[str]) -> Iterator[Commit]:
    commit: Commit | None = None
    for number, text in enumerate(lines, start=1):
        try:
            row = json.loads(text)
            if row["k"] == "commit":
                if commit is not None:
                    yield commit
                commit = Commit(row["c"], tuple(row["p"]), row["a"], row["t"] * 1000)
            elif commit is None or row["c"] != commit.name:
                raise ValueError("an operation that does not follow its commit")
            else:
                commit.operations.append(Operation(row["k"], row["id"], row["f"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"line {number} is no commit and no operation: {error}") from error
    if commit is not None:
        yield commit
