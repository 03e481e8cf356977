"""Edits typed in one command all mean the text that was looked at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_sync.cli._edits import in_order
from engram_sync.errors import UsageError

TEXT = "deploys go out on tuesdays"


def applied(text: str, edits: list[tuple[str, int, str] | tuple[str, int, int]]) -> str:
    """What ``Node.update`` does with them: one after the other."""
    for _, place, what in edits:
        if isinstance(what, str):
            text = text[:place] + what + text[place:]
        else:
            text = text[:place] + text[place + what :]
    return text


def test_no_edit_moves_the_place_of_another() -> None:
    edits = in_order([(0, "All "), (26, "!"), (18, "wednes")], [(18, 4), (8, 3)])
    assert applied(TEXT, edits) == "All deploys out on wednesdays!"


def test_texts_at_one_place_stay_in_order() -> None:
    assert applied("ab", in_order([(1, "1"), (1, "2"), (1, "3")], [(1, 1)])) == "a123"


@pytest.mark.parametrize(
    ("insertions", "deletions", "message"),
    [
        ([], [(0, 5), (4, 2)], "--delete 4 lies inside --delete 0:5"),
        ([], [(3, 2), (3, 2)], "--delete 3 lies inside --delete 3:2"),
        ([(2, "x")], [(0, 5)], "--insert 2 lies inside --delete 0:5"),
    ],
)
def test_edits_that_meet_are_refused(
    insertions: list[tuple[int, str]], deletions: list[tuple[int, int]], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        in_order(insertions, deletions)


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.integers(0, 10), st.text("xyz", min_size=1, max_size=3)), max_size=5),
    st.lists(st.tuples(st.integers(0, 9), st.integers(1, 4)), max_size=3),
)
def test_every_edit_happens_where_it_was_meant(
    insertions: list[tuple[int, str]], deletions: list[tuple[int, int]]
) -> None:
    text = "0123456789"
    try:
        edits = in_order(insertions, deletions)
    except UsageError:
        return
    gone = {at for start, length in deletions for at in range(start, start + length)}
    expected = ""
    for at in range(len(text) + 1):
        expected += "".join(new for place, new in insertions if place == at)
        expected += text[at] if at < len(text) and at not in gone else ""
    assert applied(text, edits) == expected
