"""Reading Markdown files as memories: each section under a heading is one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engram_sync.api import MemoryType
from engram_sync.api.arguments import NewMemory
from engram_sync.errors import NotFoundError
from engram_sync.model.limits import IMPORT_FILE_BYTES_MAX, LABEL_BYTES_MAX, TITLE_BYTES_MAX

from .front_matter import FrontMatter, read_front_matter
from .outcomes import ImportProblem, check_shard, checked, in_shard, one_line

_SUFFIXES = frozenset({".md", ".markdown", ".mdown"})
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_BLOCK_START = re.compile(r"\s*([-*+>|#]|\d+[.)]\s|$)")
_OWN_KEYS = frozenset({"title", "tags", "category", "type"})


def read_markdown(
    path: str | Path, *, shard: tuple[int, int] | None = None
) -> Iterator[NewMemory | ImportProblem]:
    """The sections of a Markdown file, or of all Markdown files below a folder.

    A section is a heading and the text up to the next heading; text before the first heading is a
    section named after the file.  A heading without text of its own names the sections below it
    and is no memory.  The key ``path#section`` stays the same as long as both keep their names.

    Args:
        path: A file, or a folder; hidden files and folders in it and links are left out.
        shard: (i, n): only the sections that belong to part i of n.

    Raises:
        NotFoundError: There is no such file or folder, or no Markdown file in it.
        UsageError: There is no such part.
    """
    check_shard(shard)
    root = Path(path)
    if root.is_dir():
        files = list(_files(root))
        if not files:
            raise NotFoundError(f"there is no Markdown file (*.md) in {root}")
        return _read_all(files, root, shard)
    if not root.is_file():
        raise NotFoundError(
            f"there is no file or folder {root}", hint="give the path of a Markdown file or folder"
        )
    return _read_all([root], root.parent, shard)


def _files(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _files(entry)
        elif entry.suffix.lower() in _SUFFIXES:
            yield entry


def _read_all(
    files: list[Path], root: Path, shard: tuple[int, int] | None
) -> Iterator[NewMemory | ImportProblem]:
    for file in files:
        name = file.relative_to(root).as_posix()
        for key, found in _read_file(file, name):
            if in_shard(key, shard):
                yield found


@dataclass(slots=True)
class _Section:
    path: tuple[str, ...]
    """The headings above it and its own."""
    line: int
    """Line of its heading, from 1."""
    body: list[str] = field(default_factory=list[str])
    bad_line: int = 0
    """The first line that is not UTF-8; 0 when all are."""


def _read_file(file: Path, name: str) -> Iterator[tuple[str, NewMemory | ImportProblem]]:
    try:
        size = file.stat().st_size
        if size > IMPORT_FILE_BYTES_MAX:
            limit = IMPORT_FILE_BYTES_MAX >> 20
            yield name, ImportProblem(f"{file}:1", f"{size} bytes; at most {limit} MiB are read")
            return
        data = file.read_bytes()
    except OSError as error:
        yield name, ImportProblem(f"{file}:1", f"cannot be read: {error.strerror}")
        return
    lines, bad = _decode(data)
    front = read_front_matter(lines)
    for number, message in front.problems:
        yield f"{name}:{number}", ImportProblem(f"{file}:{number}", message)
    taken: dict[str, int] = {}
    for section in _sections(lines, front.lines, bad):
        key = _key(name, section, taken)
        place = f"{file}:{section.bad_line or section.line}"
        if section.bad_line:
            yield key, ImportProblem(place, "not valid UTF-8; this section is left out")
        else:
            yield key, checked(_memory(name, key, section, front), place)


def _decode(data: bytes) -> tuple[list[str], set[int]]:
    """The lines, and the numbers of those that are not UTF-8."""
    lines: list[str] = []
    bad: set[int] = set()
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError:
            lines.append(line.decode("utf-8", "replace"))
            bad.add(number)
    return lines, bad


def _sections(lines: list[str], skip: int, bad: set[int]) -> Iterator[_Section]:
    """The sections that have text of their own."""
    section = _Section((), skip + 1)
    fence = ""
    for number, line in enumerate(lines[skip:], skip + 1):
        fence, inside = _follow_fence(fence, line)
        heading = None if inside else _heading(line, section.body)
        if heading is None:
            section.body.append(line)
            if number in bad:
                section.bad_line = section.bad_line or number
            continue
        level, title, underlined = heading
        if underlined:
            section.body.pop()  # The text of the heading had been taken for a paragraph.
        if _has_text(section):
            yield section
        path = (*section.path[: level - 1], *[""] * (level - 1 - len(section.path)), title)
        section = _Section(path, number - underlined)
        if number in bad or (underlined and number - 1 in bad):
            section.bad_line = number
    if _has_text(section):
        yield section


def _follow_fence(fence: str, line: str) -> tuple[str, bool]:
    """The fence that is open after this line, and whether the line is code."""
    mark = _FENCE.match(line)
    if not fence:
        return (mark[1], True) if mark else ("", False)
    closes = mark is not None and mark[1].startswith(fence) and not line.strip(" \t`~")
    return ("" if closes else fence), True


def _heading(line: str, body: list[str]) -> tuple[int, str, int] | None:
    """Level, text, and how many lines of the paragraph before belong to it."""
    if found := _HEADING.match(line):
        return len(found[1]), (found[2] or "").strip(), 0
    found = _UNDERLINE.match(line)
    alone = body and not _BLOCK_START.match(body[-1]) and (len(body) < 2 or not body[-2].strip())
    if found and alone:
        return (1 if found[1][0] == "=" else 2), body[-1].strip(), 1
    return None


def _has_text(section: _Section) -> bool:
    return any(line.strip() for line in section.body)


def _key(name: str, section: _Section, taken: dict[str, int]) -> str:
    """``path#section``; further sections of the same name are numbered in their order."""
    slug = "/".join(_slug(title) for title in section.path if title)
    key = f"{name}#{slug}" if slug else name
    taken[key] = taken.get(key, 0) + 1
    return key if taken[key] == 1 else f"{key}~{taken[key]}"


def _slug(title: str) -> str:
    return re.sub(r"[\W_]+", "-", title.lower()).strip("-")[:LABEL_BYTES_MAX]


def _memory(name: str, key: str, section: _Section, front: FrontMatter) -> NewMemory:
    stem = Path(name).stem
    title = section.path[-1] if section.path else front.text("title") or stem
    metadata: dict[str, object] = {
        key: value
        for key, value in front.values.items()
        if key not in _OWN_KEYS and value not in ("", [])
    }
    metadata["source"] = name
    above = [heading for heading in section.path[:-1] if heading]
    if above:
        metadata["section"] = " > ".join(above)
    return NewMemory(
        content="\n".join(section.body).strip("\n").rstrip(),
        type=front.text("type") or MemoryType.SEMANTIC,
        title=one_line(title, TITLE_BYTES_MAX),
        category=front.text("category"),
        tags=front.words("tags"),
        metadata=metadata,
        key=key,
    )
