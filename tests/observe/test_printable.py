import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_sync.observe import printable


@pytest.mark.parametrize("text", ["laptop", "Zoë's büro", "東京", "a b", "€ 5", "🙂"])
def test_ordinary_text_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b2J", "\\x9b2J"),
        ("abc\u202ecba", "abc\\u202ecba"),
        ("one\u2028two", "one\\u2028two"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\ud800", "\\ud800"),
        ("C:\\new", "C:\\\\new"),
        ("\x00", "\\x00"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_an_escape_cannot_be_forged() -> None:
    assert printable("\\n") != printable("\n")


def test_long_text_is_cut_and_says_so() -> None:
    assert printable("x" * 203, characters_max=200) == "x" * 200 + "… (3 more)"
    assert printable("x" * 200, characters_max=200) == "x" * 200


@given(st.text())
def test_nothing_unprintable_is_left_and_it_encodes(text: str) -> None:
    shown = printable(text)
    shown.encode()
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
