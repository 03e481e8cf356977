"""Structured messages over the standard library's logging.

A program that embeds a node sees ordinary loggers below ``engram_sync`` and handles them as it
likes.  The command line calls ``configure_logging`` and gets lines on standard error.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Final, TextIO, cast

from engram_sync.errors import EngramError
from engram_sync.observe._printable import printable

FieldValue = str | int | float | bool | bytes | None
"""What a field may hold; bytes (ids) are shown as their first eight in hex."""

ROOT: Final = "engram_sync"

_FIELDS: Final = "engram_fields"  # The attribute of a LogRecord that carries the fields.
_ID_BYTES_SHOWN: Final = 8
_EVENT_CHARACTERS_MAX: Final = 2000  # Ours are short; other libraries' messages may not be.
_FRAMES_SHOWN: Final = 12
_OWN_KEYS: Final = frozenset({"v", "kind", "time", "level", "component", "event", "error", "trace"})
_NEVER: Final = frozenset(
    {
        "belief",
        "content",
        "events",
        "grant",
        "metadata",
        "password",
        "payload",
        "query",
        "secret",
        "secret_key",
        "seed",
        "tags",
        "title",
        "token",
        "value",
    }
)


class Logger:
    """Writes the messages of one component.

    Args:
        component: The package or room that speaks, for example ``sync`` or ``network``.
    """

    def __init__(self, component: str) -> None:
        self._logger = logging.getLogger(f"{ROOT}.{component}")

    def debug(self, event: str, /, **fields: FieldValue) -> None:
        """Something only a developer wants to see."""
        self._write(logging.DEBUG, event, fields)

    def info(self, event: str, /, **fields: FieldValue) -> None:
        """Something that happens in normal operation and is worth a line."""
        self._write(logging.INFO, event, fields)

    def warning(self, event: str, /, **fields: FieldValue) -> None:
        """Something is not as it should be; the node copes."""
        self._write(logging.WARNING, event, fields)

    def error(
        self, event: str, /, *, cause: BaseException | None = None, **fields: FieldValue
    ) -> None:
        """Something failed.

        Args:
            event: What failed; a constant of the program.
            cause: The exception.  Of ours the message is shown; of others only the type and where
                it was raised, because their messages may quote data.
            fields: Values that say which one failed.
        """
        self._write(logging.ERROR, event, fields, cause)

    def _write(
        self,
        level: int,
        event: str,
        fields: dict[str, FieldValue],
        cause: BaseException | None = None,
    ) -> None:
        """Hand one message to logging.

        Raises:
            ValueError: A field's name says that it would show content or a secret, or that it
                would hide a part of the line.
        """
        wrong = fields.keys() & (_NEVER | _OWN_KEYS)
        if wrong:
            raise ValueError(f"a log line never carries {', '.join(sorted(wrong))}")
        if self._logger.isEnabledFor(level):
            exc_info = (type(cause), cause, cause.__traceback__) if cause else None
            self._logger.log(level, "%s", event, exc_info=exc_info, extra={_FIELDS: fields})


def configure_logging(level: str, *, json: bool, stream: TextIO | None = None) -> None:
    """Write log lines to ``stream``; a second call replaces the first.

    Messages of other libraries are written from ``warning`` up, whatever ``level`` says.

    Args:
        level: debug, info, warning or error.
        json: One JSON object per line instead of text.
        stream: Standard error when None.
    """
    handler = _Handler(stream if stream is not None else sys.stderr)
    handler.setFormatter(_JsonFormatter() if json else _TextFormatter())
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    logging.getLogger(ROOT).setLevel(level.upper())


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that a second configuration finds it."""


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = _line(record)
        time, level = line.pop("time"), line.pop("level")
        head = f"{time} {level:<7} {line.pop('component')}: {line.pop('event')}"
        trace = cast("list[str]", line.pop("trace", []))
        tail = "".join(f" {name}={_quoted(value)}" for name, value in line.items())
        frames = "".join(f"\n    {frame}" for frame in trace)
        return head + tail + frames


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps({"v": 1, "kind": "log"} | _line(record), ensure_ascii=False)


def _line(record: logging.LogRecord) -> dict[str, object]:
    """The parts of one message in the order in which they are shown, all of them safe."""
    time = datetime.fromtimestamp(record.created, tz=UTC)
    line: dict[str, object] = {
        "time": f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond // 1000:03d}Z",
        "level": record.levelname.lower(),
        "component": record.name.removeprefix(f"{ROOT}."),
        "event": printable(record.getMessage(), characters_max=_EVENT_CHARACTERS_MAX),
    }
    fields: dict[str, FieldValue] = getattr(record, _FIELDS, {})
    line |= {name: _safe(value) for name, value in fields.items()}
    if record.exc_info and record.exc_info[1] is not None:
        line |= _error(record.exc_info[1])
    return line


def _safe(value: FieldValue) -> str | int | float | bool | None:
    match value:
        case bytes():
            return value[:_ID_BYTES_SHOWN].hex()
        case str():
            return printable(value)
        case _:
            return value


def _error(error: BaseException) -> dict[str, object]:
    name = type(error).__name__
    if isinstance(error, EngramError):
        return {"error": f"{name}: {printable(error.message)}"}
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_SHOWN:]
    places = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
    return {"error": name, "trace": places}


def _quoted(value: object) -> str:
    match value:
        case str():
            plain = value and not set(value) & set(' ="')
            return value if plain else '"' + value.replace('"', '\\"') + '"'
        case bool():
            return "true" if value else "false"
        case None:
            return "-"
        case _:
            return str(value)
