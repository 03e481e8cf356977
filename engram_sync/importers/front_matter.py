"""The front matter of a Markdown file: the part of YAML that people write there."""

import re
from dataclasses import dataclass, field

from engram_sync.api import MemoryType

_ENTRY = re.compile(r"([A-Za-z_][\w .-]*):(?:\s+(.*))?$")
_ITEM = re.compile(r"\s*-\s+(.*)$")
_STORED_TYPES = (MemoryType.SEMANTIC, MemoryType.EPISODIC, MemoryType.PROCEDURAL)


@dataclass(slots=True)
class FrontMatter:
    """What stands between two lines of ``---`` at the top of a file."""

    values: dict[str, str | list[str]] = field(default_factory=dict[str, str | list[str]])
    problems: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    """(line, what is wrong with it)."""
    lines: int = 0
    """How many lines of the file it takes."""

    def text(self, key: str) -> str:
        """A value as one text; empty without one."""
        value = self.values.get(key, "")
        return value if isinstance(value, str) else ", ".join(value)

    def words(self, key: str) -> tuple[str, ...]:
        """A value as several texts: a list, or separated by commas."""
        value = self.values.get(key, [])
        items = value.split(",") if isinstance(value, str) else value
        return tuple(dict.fromkeys(item.strip().lstrip("#") for item in items if item.strip("# ")))


def read_front_matter(lines: list[str]) -> FrontMatter:
    """The front matter at the top of a file; empty when it has none."""
    front = FrontMatter()
    if not lines or lines[0].rstrip() != "---":
        return front
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() in ("---", "...")), 0)
    if not end:
        if _ENTRY.match(lines[1].rstrip() if len(lines) > 1 else ""):
            front.problems.append((1, "the front matter is never closed by a line of ---"))
        return front  # Otherwise it is a thematic break, and the file simply begins with one.
    front.lines = end + 1
    key = ""
    for number, line in enumerate(lines[1:end], 2):
        key = _read_line(front, key, number, line.rstrip())
    _check(front)
    return front


def _read_line(front: FrontMatter, key: str, number: int, line: str) -> str:
    """Take one line; the key that list items on the next line belong to."""
    if not line.strip() or line.lstrip().startswith("#"):
        return key
    if item := _ITEM.match(line):
        values = front.values.get(key)
        if isinstance(values, list):
            values.append(_unquoted(item[1]))
        elif key and values == "":
            front.values[key] = [_unquoted(item[1])]
        else:
            front.problems.append((number, "a list item that belongs to no key"))
        return key
    entry = _ENTRY.match(line)
    if entry is None:
        front.problems.append((number, "front matter that is not `key: value`"))
        return ""
    name, value = entry[1].strip().lower(), (entry[2] or "").strip()
    if name in front.values:
        front.problems.append((number, f"{name!r} is given twice"))
    if value.startswith("[") and value.endswith("]"):
        front.values[name] = [_unquoted(v) for v in value[1:-1].split(",") if v.strip()]
    else:
        front.values[name] = _unquoted(value)
    return name


def _check(front: FrontMatter) -> None:
    kind = front.text("type")
    if kind and kind not in _STORED_TYPES:
        # Other programs use the same word for their own purposes: keep it as plain metadata.
        front.values["kind"] = kind
        del front.values["type"]


def _unquoted(value: str) -> str:
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text
