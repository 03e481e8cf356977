from datetime import UTC, datetime

import click
import pytest

from engram_sync.cli._kinds import duration, entry, moment, shard


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


@pytest.mark.parametrize("text", ["7", "yesterday", "2026-13-01", ""])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a time"):
        moment(text)


def test_a_metadata_value_is_json_or_else_text() -> None:
    assert entry("a=1") == ("a", 1)
    assert entry("a=[true]") == ("a", [True])
    assert entry("a=b=c") == ("a", "b=c")
    assert entry("a=") == ("a", "")


def test_a_shard_counts_from_one() -> None:
    assert shard("1/3") == (1, 3)
    for text in ("0/3", "4/3", "1", "1/", "a/b", "-1/2", "²/3"):
        with pytest.raises(click.BadParameter):
            shard(text)
