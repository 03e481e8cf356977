"""Reading the history of a git repository as memories, through the git command."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from engram_sync.api.arguments import NewMemory
from engram_sync.errors import DegradedError, NotFoundError, UsageError
from engram_sync.model.limits import IMPORT_FILES_MAX, TITLE_BYTES_MAX

from .outcomes import ImportProblem, check_shard, checked, in_shard, one_line

# An empty field starts a commit, five fields follow, then its files up to the next empty field.
# git allows NUL in none of them.
_FORMAT = "%x00%H%x00%an%x00%ae%x00%aI%x00%B"
_FIELDS = 5
_CHUNK_BYTES = 1 << 16


def read_git(
    path: str | Path, *, shard: tuple[int, int] | None = None
) -> Iterator[NewMemory | ImportProblem]:
    """Each commit that the checked-out branch contains, oldest first.

    The subject becomes the title, the whole message the content; author, date and changed files
    become metadata; the key is the commit's hash.

    Args:
        path: A folder inside the repository, or a bare repository.
        shard: (i, n): only the commits that belong to part i of n.

    Raises:
        NotFoundError: There is no such folder.
        UsageError: It is not in a git repository, or there is no such part.
        DegradedError: The git command is not installed.
    """
    check_shard(shard)
    folder = Path(path)
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}", hint="give the path of a repository")
    git = shutil.which("git")
    if git is None:
        raise DegradedError(
            "the git command is not installed", hint="install git, or import Markdown instead"
        )
    answer = _ask(git, folder, "rev-parse", "--git-dir")
    if answer.returncode:
        reason = answer.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UsageError(
            f"{folder} is not a git repository"
            + (f" ({one_line(reason[0], 200)})" if reason else ""),
            hint="give the path of a repository; git itself must be able to read it",
        )
    return _commits(git, folder, shard)


def _commits(
    git: str, folder: Path, shard: tuple[int, int] | None
) -> Iterator[NewMemory | ImportProblem]:
    if _ask(git, folder, "rev-parse", "--quiet", "--verify", "HEAD").returncode:
        return  # A new repository: no commit yet, hence nothing to import.
    command = _command(
        git, folder, "log", "--reverse", "-z", "--name-only", "--root", "--no-ext-diff",
        "--no-textconv", "--no-show-signature", f"--format={_FORMAT}", "HEAD",
    )  # fmt: skip
    process = subprocess.Popen(  # noqa: S603  # the program and its options are ours
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        for header, files in _split(process.stdout):
            if in_shard(header[0].decode("ascii", "replace"), shard):
                yield _memory(folder, header, files)
        if process.wait():
            yield ImportProblem(str(folder), f"git stopped with status {process.returncode}")
    finally:
        process.stdout.close()
        process.kill()
        process.wait()


def _memory(folder: Path, header: list[bytes], files: list[bytes]) -> NewMemory | ImportProblem:
    commit = header[0].decode("ascii", "replace")
    place = f"{folder}@{commit[:12]}"
    try:
        name, email, date, message = (field.decode() for field in header[1:])
    except UnicodeDecodeError as error:
        return ImportProblem(place, f"the commit is not valid UTF-8 ({error.reason})")
    message = message.strip()
    if not message:
        return ImportProblem(place, "the commit has no message")
    shown = [file.decode("utf-8", "replace") for file in files[:IMPORT_FILES_MAX]]
    metadata: dict[str, object] = {
        "author": f"{name} <{email}>",
        "commit": commit,
        "date": date,
        "source": "git",
    }
    if files:
        metadata["files"] = shown
        metadata["file_count"] = len(files)
    memory = NewMemory(
        content=message,
        title=one_line(message.partition("\n")[0], TITLE_BYTES_MAX),
        category="commit",
        tags=("git",),
        metadata=metadata,
        key=commit,
    )
    return checked(memory, place)


def _split(stream: IO[bytes]) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """The fields and the files of each commit."""
    header: list[bytes] = []
    files: list[bytes] = []
    for token in _tokens(stream):
        if len(header) < _FIELDS:
            if header or token:
                header.append(token)
        elif token:
            # git puts a line break between the message and the first file.
            files.append(token.removeprefix(b"\n") if not files else token)
        else:
            yield header, files
            header, files = [], []
    if len(header) == _FIELDS:
        yield header, files


def _tokens(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest


def _ask(git: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603  # the program and its options are ours
        _command(git, folder, *arguments),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )


def _command(git: str, folder: Path, *arguments: str) -> list[str]:
    # What a repository's own configuration could change about the output is set here.
    return [
        git, "-C", str(folder), "--no-pager", "-c", "core.fsmonitor=false", "-c",
        "i18n.logOutputEncoding=UTF-8", "-c", "log.follow=false", "-c", "color.ui=false",
        *arguments,
    ]  # fmt: skip
