from datetime import UTC, datetime

import click
import pytest

from engram_sync.cli._kinds import (
    amendment,
    deletion,
    duration,
    entry,
    event,
    increment,
    insertion,
    moment,
    past_moment,
    shard,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("2h", 7200), ("1d", 86400), ("500ms", 0.5), ("1.5", 1.5)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1s", "1w", "s", "1 s", "1e3s", "9999d", "٣s", "nan"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration"):
        duration(text)


def test_a_moment_is_a_date_or_a_time_ago() -> None:
    assert moment("2026-01-31T00:00:00+00:00") == 1_769_817_600_000
    now_ms = datetime.now(tz=UTC).timestamp() * 1000
    assert abs(moment("1d") - (now_ms - 86_400_000)) < 60_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2h", 7_200),
        ("2h ago", 7_200),
        ("3 days ago", 259_200),
        ("1 day ago", 86_400),
        ("  90   Minutes ago ", 5_400),
        ("45 s", 45),
        ("10secs", 10),
        ("500ms", 0.5),
        ("2 weeks", 1_209_600),
    ],
)
def test_how_long_ago_is_said_as_people_say_it(text: str, seconds: float) -> None:
    now_ms = datetime.now(tz=UTC).timestamp() * 1000
    assert abs(moment(text) - (now_ms - seconds * 1000)) < 60_000


def test_a_time_without_a_zone_is_that_of_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    local = datetime(2026, 1, 31, 9, 0).astimezone()
    assert moment("2026-01-31T09:00") == moment(local.isoformat()) == local.timestamp() * 1000
    assert moment("2026-01-31T09:00Z") == datetime(2026, 1, 31, 9, tzinfo=UTC).timestamp() * 1000


def test_the_future_has_not_been() -> None:
    assert past_moment("2026-01-31") == moment("2026-01-31")
    with pytest.raises(click.BadParameter, match="lies in the future"):
        past_moment("9999-01-01")


@pytest.mark.parametrize(
    "text", ["7", "yesterday", "2026-13-01", "", "ago", "days ago", "3 fortnights ago", "-2h"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a time"):
        moment(text)


def test_a_metadata_value_is_json_or_else_text() -> None:
    assert entry("a=1") == ("a", 1)
    assert entry("a=[true]") == ("a", [True])
    assert entry("a=b=c") == ("a", "b=c")
    assert entry("a=") == ("a", "")


def test_an_event_is_a_text_or_an_object() -> None:
    assert event("42") == "42"
    assert event('{"text": "started", "at": "09:00"}') == {"text": "started", "at": "09:00"}
    assert event("[1") == "[1"


def test_an_amendment_names_its_event() -> None:
    assert amendment("0123456789abcdef:4=it was b=c") == ("0123456789abcdef:4", "it was b=c")
    for text in ("", "=x", "no text"):
        with pytest.raises(click.BadParameter, match="EVENT=TEXT"):
            amendment(text)


def test_a_count_goes_up_by_one_unless_told_otherwise() -> None:
    assert increment("tries") == ("tries", 1)
    assert increment("tries=-2") == ("tries", -2)
    assert increment("tries=0") == ("tries", 0)
    for text in ("", "=1", "tries=", "tries=many", "tries=+1", "tries=1.5", "tries=1_0"):
        with pytest.raises(click.BadParameter, match="NAME=N"):
            increment(text)


def test_an_edit_of_a_text_has_a_position_in_characters() -> None:
    assert insertion("0:a:b") == (0, "a:b")
    assert deletion("3:2") == (3, 2)
    for text in ("", "x", ":x", "-1:x", "1:", "1.5:x", "\u0663:x", "9999999999:x"):
        with pytest.raises(click.BadParameter, match="POS:TEXT"):
            insertion(text)
    for text in ("", "3", "3:", ":2", "3:0", "-3:2", "3:-2"):
        with pytest.raises(click.BadParameter, match="POS:LEN"):
            deletion(text)


def test_a_shard_counts_from_one() -> None:
    assert shard("1/3") == (1, 3)
    for text in ("0/3", "4/3", "1", "1/", "a/b", "-1/2", "²/3"):
        with pytest.raises(click.BadParameter):
            shard(text)
