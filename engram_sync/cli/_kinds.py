"""The kinds of arguments that click does not know, each as the function that reads one."""

import re
from datetime import UTC, datetime
from typing import cast

import click

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_WORDS = {
    "ms": ("ms",),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "week", "weeks"),
}
_AGO_SECONDS = {
    word: (_SECONDS | {"w": 604_800.0})[unit] for unit, words in _WORDS.items() for word in words
}
_AGO = re.compile(rf"(\d+(?:\.\d+)?) ?({'|'.join(_AGO_SECONDS)})(?: ago)?", re.ASCII)
DURATION_SECONDS_MAX = 366 * 86_400.0
"""Longer than anything that is waited for or granted here."""
COUNT_DIGITS_MAX = 9
"""No text here is longer than such a number says."""


def duration(text: str) -> float:
    """Seconds above 0 from ``30s``, ``15m``, ``2h``, ``1d``, ``500ms`` or plain seconds."""
    match = _DURATION.fullmatch(text.strip().lower())
    seconds = float(match[1]) * _SECONDS[match[2] or "s"] if match else 0.0
    if not 0 < seconds <= DURATION_SECONDS_MAX:
        raise click.BadParameter(
            f"{text!r} is not a duration; write for example 30s, 15m, 2h or 1d"
        )
    return seconds


def moment(text: str) -> int:
    """Unix milliseconds from a date, a date and time, or how long ago it was."""
    words = " ".join(text.lower().split())
    now = datetime.now(tz=UTC).timestamp()
    if match := _AGO.fullmatch(words):
        return int((now - float(match[1]) * _AGO_SECONDS[match[2]]) * 1000)
    try:
        # Without a zone it means the clock on this person's wall.
        return int(datetime.fromisoformat(text.strip()).timestamp() * 1000)
    except (ValueError, OverflowError, OSError) as error:
        raise click.BadParameter(
            f"{text!r} is not a time; write for example 2h, '3 days ago', 2026-01-31 or "
            "2026-01-31T09:00"
        ) from error


def past_moment(text: str) -> int:
    """A moment that has been; one to come is more likely a mistake than a wish."""
    ms = moment(text)
    if ms > datetime.now(tz=UTC).timestamp() * 1000:
        raise click.BadParameter(
            f"{text!r} lies in the future; write for example 2h, '3 days ago' or 2026-01-31T09:00"
        )
    return ms


def entry(text: str) -> tuple[str, object]:
    """``KEY=VALUE`` with a value in JSON, or any other text as it stands."""
    import json

    key, equals, value = text.partition("=")
    if not key or not equals:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def event(text: str) -> object:
    """What happened: a text, or an object of JSON with more about it."""
    import json

    try:
        found: object = json.loads(text)
    except ValueError:
        return text
    return cast("object", found) if isinstance(found, dict) else text


def amendment(text: str) -> tuple[str, object]:
    """``EVENT=TEXT``: which event, and what it should say."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(
            f"{text!r} is not EVENT=TEXT; `get` shows the name of each event in front of it"
        )
    return name, event(value)


def increment(text: str) -> tuple[str, int]:
    """``NAME`` or ``NAME=N``: what to count, and by how much."""
    name, equals, number = text.partition("=")
    if not name or (equals and not re.fullmatch(r"-?\d{1,15}", number, re.ASCII)):
        raise click.BadParameter(
            f"{text!r} is not NAME or NAME=N with a whole number N, for example tries or tries=-2"
        )
    return name, int(number) if equals else 1


def insertion(text: str) -> tuple[int, str]:
    """``POS:TEXT``: where, in characters from the beginning, and what."""
    place, colon, new = text.partition(":")
    if not (_is_count(place) and colon and new):
        raise click.BadParameter(
            f"{text!r} is not POS:TEXT with a position from 0, for example 0:Draft."
        )
    return int(place), new


def deletion(text: str) -> tuple[int, int]:
    """``POS:LEN``: where, and how many characters."""
    place, _, length = text.partition(":")
    if not (_is_count(place) and _is_count(length) and int(length)):
        raise click.BadParameter(
            f"{text!r} is not POS:LEN with a position from 0 and a length from 1, for example 0:5"
        )
    return int(place), int(length)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= COUNT_DIGITS_MAX


def shard(text: str) -> tuple[int, int]:
    """``I/N``: part I of N, counted from 1."""
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise click.BadParameter(f"{text!r} is not I/N with 1 <= I <= N, for example 1/3")
    return int(part), int(parts)
