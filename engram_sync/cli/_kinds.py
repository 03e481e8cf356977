"""The kinds of arguments that click does not know, each as the function that reads one."""

import re
from datetime import UTC, datetime

import click

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
DURATION_SECONDS_MAX = 366 * 86_400.0
"""Longer than anything that is waited for or granted here."""


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
    """Unix milliseconds from a date, a date and time, or a duration ago."""
    match = _DURATION.fullmatch(text.strip().lower())
    if match and match[2]:
        ago = float(match[1]) * _SECONDS[match[2]]
        return int((datetime.now(tz=UTC).timestamp() - ago) * 1000)
    try:
        # Without a zone it means the clock on this person's wall.
        return int(datetime.fromisoformat(text.strip()).timestamp() * 1000)
    except (ValueError, OverflowError, OSError) as error:
        raise click.BadParameter(
            f"{text!r} is not a time; write for example 7d, 2026-01-31 or 2026-01-31T09:00"
        ) from error


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


def shard(text: str) -> tuple[int, int]:
    """``I/N``: part I of N, counted from 1."""
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise click.BadParameter(f"{text!r} is not I/N with 1 <= I <= N, for example 1/3")
    return int(part), int(parts)
