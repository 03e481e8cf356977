"""The replay command, on a history made up here: it lives through it, and notices what is wrong."""

import gzip
import json
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from . import _replay
from .__main__ import main
from ._dag import Dag, read_dag
from ._fields import LIFECYCLE, engram_of
from ._replay import Replay, Report, replay
from ._replica import Replica

# Every story makes several stores on a real disk.
pytestmark = pytest.mark.slow

Row = dict[str, Any]


class Story:
    """A history in the making; each commit is one second after the one before."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._seconds = 1_760_000_000

    def commit(self, name: str, writer: str, *parents: str, **issues: Row | None) -> None:
        """A commit that sets fields of issues, or deletes those that are None."""
        self._seconds += 1
        merge = len(parents) > 1
        head = {"c": name, "p": parents, "a": writer, "t": self._seconds, "m": merge}
        self.rows.append({**head, "k": "commit"})
        for issue, fields in issues.items():
            kind = "del" if fields is None else "add" if "id" in fields else "set"
            self.rows.append({**head, "id": issue, "k": kind, "f": fields or {}})

    def write(self, path: Path) -> Path:
        """Put it into a file."""
        text = "".join(json.dumps(row) + "\n" for row in self.rows)
        if path.suffix == ".gz":
            path.write_bytes(gzip.compress(text.encode()))
        else:
            path.write_text(text)
        return path


def three_lines() -> Story:
    """Two writers, one of them on two lines at once; edits beside edits and beside a delete."""
    story = Story()
    first = {"id": "a", "title": "one", "description": "as it was", "labels": ["x", "y"]}
    story.commit("root", "ann", a=first, b={"id": "b", "title": "two", "priority": 1})
    story.commit("ann-1", "ann", "root", a={"title": "one by ann", "labels": ["x", "z"]})
    story.commit("bob-1", "bob", "root", a={"title": "one by bob"}, b={"priority": 3})
    story.commit("ann-2", "ann", "root", b=None, c={"id": "c", "title": "third line"})
    story.commit("ann-3", "ann", "ann-1", a={"description": None, "status": "closed"})
    # Ann keeps her title and takes bob's priority: what the other parent says is repeated.
    story.commit("merge-1", "ann", "ann-3", "bob-1", b={"priority": 3})
    # On the third line b was deleted while bob changed it: the file keeps the deletion.
    story.commit("merge-2", "ann", "merge-1", "ann-2", b=None, c={"id": "c", "title": "third line"})
    story.commit(
        "bob-2", "bob", "bob-1", d={"id": "d", "title": "late", "dependencies": [{"x": 1}]}
    )
    story.commit("merge-3", "bob", "merge-2", "bob-2", d={"id": "d", "title": "late", "notes": "n"})
    story.commit("end", "bob", "merge-3", b={"id": "b", "title": "two again", "priority": 1})
    return story


def lived(
    story: Story, directory: Path, *, plant: Callable[[Replay], None] = lambda _: None
) -> tuple[Dag, Report]:
    dag = read_dag(story.write(directory / "history.jsonl"))
    home = directory / "home"
    home.mkdir()
    return dag, trio.run(partial(replay, dag, home, plant=plant))


def test_every_line_ends_with_what_the_file_holds(tmp_path: Path) -> None:
    dag, report = lived(three_lines(), tmp_path)
    assert report.problems == []
    assert (dag.lines, report.compared, dag.merges, dag.operations) == (3, 3, 3, 14)
    assert (report.live, report.deleted) == (4, 0)
    assert report.received > 0


def test_concurrent_values_are_counted_once_by_field(tmp_path: Path) -> None:
    _, report = lived(three_lines(), tmp_path)
    assert dict(report.siblings) == {"title": 1, LIFECYCLE: 1}


def test_only_what_differs_from_the_merged_state_is_a_write(tmp_path: Path) -> None:
    story = Story()
    story.commit("root", "ann", a={"id": "a", "title": "one"})
    story.commit("left", "ann", "root", a={"priority": 1})
    story.commit("right", "bob", "root", a={"status": "open"})
    story.commit("merge", "ann", "left", "right", a={"status": "open"})
    _, report = lived(story, tmp_path)
    assert (report.records, report.siblings.total(), report.problems) == (3, 0, [])


def test_a_line_can_be_merged_or_copied_where_it_was_before_it_went_on(tmp_path: Path) -> None:
    story = Story()
    story.commit("root", "ann", a={"id": "a", "title": "one"})
    story.commit("left", "ann", "root", a={"title": "two"})
    story.commit("right", "bob", "root", b={"id": "b", "title": "b"})
    story.commit("left-on", "ann", "left", a={"title": "three"})
    story.commit("copy", "cat", "left", c={"id": "c", "title": "c"})
    story.commit("merge", "bob", "right", "left", a={"title": "two"})
    dag, report = lived(story, tmp_path)
    assert report.problems == []
    assert [commit.line for commit in dag.commits] == [0, 0, 1, 0, 2, 1]
    # Three tips: the last commit's line took the two others before it was compared.
    assert (report.compared, report.live) == (3, 3)


def test_clocks_that_went_wrong_do_not_hide_what_was_seen(tmp_path: Path) -> None:
    story = Story()
    story.commit("root", "ann", a={"id": "a", "title": "one"})
    story._seconds -= 1_000_000
    story.commit("next", "bob", "root", a={"title": "two"})
    _, report = lived(story, tmp_path)
    assert (report.problems, report.siblings.total()) == ([], 0)


def test_a_planted_difference_of_state_is_reported(tmp_path: Path) -> None:
    def plant(run: Replay) -> None:
        database = sqlite3.connect(run.path(2))
        database.execute("UPDATE scope SET digest = zeroblob(32)")
        database.commit()
        database.close()

    _, report = lived(three_lines(), tmp_path, plant=plant)
    (problem,) = report.problems
    assert problem.startswith("line 2 holds the same records as the last commit and another state")


def test_a_planted_loss_of_records_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pull(*_: object, **__: object) -> set[bytes]:
        return set()

    _, report = lived(
        three_lines(), tmp_path, plant=lambda _: monkeypatch.setattr(Replica, "pull", pull)
    )
    assert report.problems == [
        f"line {line} holds other records than the last commit" for line in (1, 2)
    ]


def test_a_planted_error_of_merging_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsuperseded(*_: object, **__: object) -> list[object]:
        return []

    name = "engram_sync.model.draft_parts.superseded_by_put"
    monkeypatch.setattr(name, unsuperseded)
    _, report = lived(three_lines(), tmp_path)
    assert f"at ann-1 engram {engram_of('a').hex()} is not as the file" in report.problems


def test_the_command_reports_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = three_lines().write(tmp_path / "history.jsonl.gz")
    assert main([str(path), "--lines", "2"]) == 0
    told = capsys.readouterr()
    assert "lines          3 of 2 writers" in told.out
    assert "convergence    equal clocks and digests" in told.out
    assert "compared       2 lines" in told.out
    assert "2 of 2 lines compared" in told.err


def test_the_command_fails_when_something_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = three_lines().write(tmp_path / "history.jsonl")

    def nothing(_: object) -> None:
        return None

    monkeypatch.setattr(_replay, "shown", nothing)
    assert main([str(path), "--home", str(tmp_path / "home")]) == 1
    assert "convergence    FAILED" in capsys.readouterr().out


def test_the_command_skips_where_there_is_no_history(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "nothing")]) == 0
    assert "skipped: there is no history at" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "no json",
        '{"k": "add"}',
        '{"k": "set", "c": "x", "id": "a", "f": {}}',
        '{"c": "x", "p": ["w"], "a": "a", "t": 1, "k": "commit"}',
    ],
)
def test_what_is_no_history_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "history").write_text(text + "\n")
    with pytest.raises(ValueError, match=r"no (commit|place)"):
        read_dag(tmp_path / "history")
