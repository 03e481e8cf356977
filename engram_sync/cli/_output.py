"""Results as lines for people or as JSON for programs, and errors in one form.

Data goes to standard output, everything else to standard error.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from engram_sync.errors import EngramError

SHORT_ID_CHARACTERS = 8
LINE_CHARACTERS_MAX = 4_000
PIPE_COLUMNS = 200
"""Width of a table that no terminal shows: wide enough that nothing real is cut."""
ERROR_PREFIX = "error: "


def print_json(kind: str, *parts: object, **fields: object) -> None:
    """Print one JSON object on one line and flush it.

    Args:
        kind: What it is, as the schemas in ``docs/json`` name it.
        parts: Results whose fields become the object's own.
        fields: Further fields.
    """
    import msgspec

    document: dict[str, object] = {"v": 1, "kind": kind}
    for part in parts:
        document |= msgspec.to_builtins(part)
    data = msgspec.json.encode(document | fields)
    sys.stdout.write(data.decode() + "\n")
    sys.stdout.flush()


def print_next(after: str | None, command: str) -> None:
    """Say on standard error how to see what did not fit on this page."""
    if after is not None:
        print_line(f"more: {command} --after {after}", file=sys.stderr)


def print_error(error: "EngramError", *, json: bool) -> None:
    """Say on standard error what was wrong and what to do next."""
    if json:
        import json as encoder

        document = {
            "v": 1,
            "kind": "error",
            "exit_code": error.exit_code,
            "message": error.message,
            "hint": error.hint,
        }
        print(encoder.dumps(document), file=sys.stderr)
        return
    print(ERROR_PREFIX + shown(error.message), file=sys.stderr)
    if error.hint:
        print(" " * len(ERROR_PREFIX) + shown(error.hint), file=sys.stderr)


def print_line(text: str = "", *, file: TextIO | None = None) -> None:
    """Print one line of our own and other people's words, made safe, and flush it."""
    print(shown(text), file=file if file is not None else sys.stdout, flush=True)


def print_text(text: str, *, indent: str = "") -> None:
    """Print a text of several lines so that a terminal shows all of it as itself."""
    for line in text.split("\n"):
        print(indent + shown(line.expandtabs(4)))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, file: TextIO | None = None
) -> None:
    """Print a table; its cells may come from peers."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    output = file if file is not None else sys.stdout
    table = Table(*columns, box=SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    width = None if output.isatty() else PIPE_COLUMNS
    Console(file=output, width=width, highlight=False).print(table)


def shown(text: str) -> str:
    """``text`` with everything escaped that a terminal would not show as itself."""
    from engram_sync.observe import printable

    return printable(text, characters_max=LINE_CHARACTERS_MAX)


def short(identifier: str) -> str:
    """Enough of an id to recognise it; the shortest prefix that commands accept."""
    return identifier[:SHORT_ID_CHARACTERS]


def first_line(text: str, characters_max: int = 60) -> str:
    """The beginning of a text, for a list."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= characters_max else line[: characters_max - 1] + "…"


def at(ms: int | None) -> str:
    """A time for people, in their zone; ``never`` for None."""
    if ms is None:
        return "never"
    try:
        return f"{datetime.fromtimestamp(ms / 1000).astimezone():%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return f"{ms} ms"  # A peer's clock may say anything.


def rfc3339(ms: int) -> str:
    """One of our own times for programs: RFC 3339, UTC, milliseconds."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def pairs(entries: Mapping[str, object]) -> str:
    """A mapping on one line."""
    return ", ".join(f"{key}={plain(value)}" for key, value in entries.items())


def plain(value: object) -> str:
    """A text as it stands, any other value as JSON."""
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def size(count: int) -> str:
    """A number of bytes for people."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} bytes"


def counted(number: int, word: str) -> str:
    """A number with what it counts, which takes an ``s`` unless there is one."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")
