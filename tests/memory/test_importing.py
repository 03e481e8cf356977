"""Claims about importers: good parts go in, each bad part is reported with its place."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from engram_sync.api.arguments import NewMemory
from engram_sync.errors import DegradedError, NotFoundError, UsageError
from engram_sync.importers import ImportProblem, read_git, read_markdown


def split(found: Iterable[NewMemory | ImportProblem]) -> tuple[list[NewMemory], list[str]]:
    memories: list[NewMemory] = []
    problems: list[str] = []
    for item in found:
        if isinstance(item, NewMemory):
            memories.append(item)
        else:
            problems.append(f"{Path(item.place).name} {item.message}")
    return memories, problems


def read(folder: Path, text: str | bytes) -> tuple[list[NewMemory], list[str]]:
    file = folder / "notes.md"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return split(read_markdown(file))


def keys(memories: Iterable[NewMemory]) -> list[str | None]:
    return [memory.key for memory in memories]


# Markdown


def test_each_section_with_text_is_a_memory(tmp_path: Path) -> None:
    memories, problems = read(
        tmp_path,
        "Before.\n\n# Ops #\n\n## Deploys\nOn Tuesdays.\n\nReally.\n"
        "## Rollback\nAsk.\n# Other\nx\n",
    )
    assert problems == []
    assert [(m.title, m.content) for m in memories] == [
        ("notes", "Before."),
        ("Deploys", "On Tuesdays.\n\nReally."),
        ("Rollback", "Ask."),
        ("Other", "x"),
    ]
    assert keys(memories) == [
        "notes.md",
        "notes.md#ops/deploys",
        "notes.md#ops/rollback",
        "notes.md#other",
    ]
    assert memories[1].metadata == {"source": "notes.md", "section": "Ops"}


def test_a_file_without_headings_is_one_memory(tmp_path: Path) -> None:
    memories, _ = read(tmp_path, "just text\n")
    assert [(m.title, m.content, m.key) for m in memories] == [("notes", "just text", "notes.md")]


def test_an_empty_file_is_no_memory(tmp_path: Path) -> None:
    assert read(tmp_path, "\n \n") == ([], [])


def test_underlined_headings_count_and_rules_do_not(tmp_path: Path) -> None:
    memories, _ = read(tmp_path, "Big\n===\na\n\nSmall\n---\nb\n\n---\nc\n- item\n---\nd\n")
    assert [(m.title, m.content) for m in memories] == [
        ("Big", "a"),
        ("Small", "b\n\n---\nc\n- item\n---\nd"),
    ]


def test_headings_inside_code_are_code(tmp_path: Path) -> None:
    memories, _ = read(tmp_path, "# A\n```sh\n# comment\n~~~\n```\n~~~~\n# x\n~~~\n~~~~\n# B\ny\n")
    assert [m.title for m in memories] == ["A", "B"]


def test_sections_of_one_name_have_keys_of_their_own(tmp_path: Path) -> None:
    memories, _ = read(tmp_path, "# A\n1\n# A\n2\n# a!\n3\n")
    assert keys(memories) == ["notes.md#a", "notes.md#a~2", "notes.md#a~3"]


def test_front_matter_gives_tags_title_category_and_metadata(tmp_path: Path) -> None:
    memories, problems = read(
        tmp_path,
        "---\ntitle: 'My notes'\ntags: [ops, \"on call\", '#x']\ncategory: work\nauthor: me\n"
        "type: procedural\naliases:\n  - one\n  - two\n# comment\n---\nText.\n# A\nb\n",
    )
    assert problems == []
    first, second = memories
    assert (first.title, first.category, first.type) == ("My notes", "work", "procedural")
    assert first.tags == second.tags == ("ops", "on call", "x")
    assert first.metadata == {"author": "me", "aliases": ["one", "two"], "source": "notes.md"}


def test_a_type_of_another_program_is_kept_as_metadata(tmp_path: Path) -> None:
    memories, problems = read(tmp_path, "---\ntype: daily\n---\nx\n")
    assert problems == []
    assert (memories[0].type, memories[0].metadata["kind"]) == ("semantic", "daily")


def test_broken_front_matter_is_reported_line_by_line_and_the_text_goes_in(tmp_path: Path) -> None:
    memories, problems = read(tmp_path, "---\n- lost\nok: 1\nok: 2\nnonsense\n---\n# A\nb\n")
    assert [m.content for m in memories] == ["b"]
    assert problems == [
        "notes.md:2 a list item that belongs to no key",
        "notes.md:4 'ok' is given twice",
        "notes.md:5 front matter that is not `key: value`",
    ]


def test_front_matter_that_never_ends_is_reported(tmp_path: Path) -> None:
    memories, problems = read(tmp_path, "---\ntitle: x\n\n# A\nb\n")
    assert problems == ["notes.md:1 the front matter is never closed by a line of ---"]
    assert [m.title for m in memories] == ["notes", "A"]


def test_a_section_with_undecodable_bytes_is_reported_with_its_line(tmp_path: Path) -> None:
    memories, problems = read(tmp_path, b"# A\ngood\n# B\nfine\nbad \xff\n# C\ngood too\n")
    assert [m.title for m in memories] == ["A", "C"]
    assert problems == ["notes.md:5 not valid UTF-8; this section is left out"]


def test_an_oversized_section_is_reported_and_the_others_go_in(tmp_path: Path) -> None:
    memories, problems = read(tmp_path, "# A\n" + "x" * 300_000 + "\n# B\ny\n")
    assert [m.title for m in memories] == ["B"]
    assert problems == ["notes.md:1 content has 300000 bytes; at most 262144 fit"]


def test_control_characters_in_a_heading_do_not_reach_the_title(tmp_path: Path) -> None:
    memories, problems = read(tmp_path, "# A\x1b[2Jb\nx\n")
    assert problems == []
    assert memories[0].title == "A [2Jb"


def test_a_byte_order_mark_and_windows_line_ends_are_no_text(tmp_path: Path) -> None:
    memories, _ = read(tmp_path, b"\xef\xbb\xbf# A\r\nb\r\n\r\nc\r\n")
    assert [(m.title, m.content) for m in memories] == [("A", "b\n\nc")]


def test_a_folder_is_read_in_order_without_hidden_files_and_links(tmp_path: Path) -> None:
    for name in ("b.md", "a/z.MD", "a/x.markdown", ".git/no.md", "a/.no.md", "no.txt"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("text")
    (tmp_path / "link.md").symlink_to(tmp_path / "b.md")
    (tmp_path / "loop").symlink_to(tmp_path)
    memories, _ = split(read_markdown(tmp_path))
    assert keys(memories) == ["a/x.markdown", "a/z.MD", "b.md"]


def test_nothing_to_read_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no file or folder"):
        read_markdown(tmp_path / "absent.md")
    with pytest.raises(NotFoundError, match="no Markdown file"):
        read_markdown(tmp_path)


def test_the_parts_of_a_source_are_disjoint_and_complete(tmp_path: Path) -> None:
    (tmp_path / "n.md").write_text("".join(f"# S{i}\ntext {i}\n" for i in range(50)))
    everything, _ = split(read_markdown(tmp_path))
    parts = [split(read_markdown(tmp_path, shard=(i, 3)))[0] for i in range(3)]
    assert all(parts)
    assert sorted(m.content for part in parts for m in part) == sorted(
        m.content for m in everything
    )
    for bad in ((3, 3), (-1, 3), (0, 0)):
        with pytest.raises(UsageError, match="there is no part"):
            read_markdown(tmp_path, shard=bad)


# git


def git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=Ann", "-c", "user.email=ann@example.org",
         "-c", "commit.gpgSign=false", *arguments],
        check=True, capture_output=True, input=stdin,
    ).stdout  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "a.txt").write_text("1")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Add a\n\nBecause of b.")
    (folder / "b c.txt").write_text("2")
    (folder / "ü\n.txt").write_text("3")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Add more")
    git(folder, "commit", "-q", "--allow-empty", "-m", "Say something")
    return folder


def test_each_commit_is_a_memory_oldest_first(repository: Path) -> None:
    memories, problems = split(read_git(repository))
    assert problems == []
    assert [m.title for m in memories] == ["Add a", "Add more", "Say something"]
    first, second, third = memories
    assert first.content == "Add a\n\nBecause of b."
    assert first.metadata["author"] == "Ann <ann@example.org>"
    assert first.metadata["files"] == ["a.txt"]
    assert (second.metadata["files"], second.metadata["file_count"]) == (
        ["b c.txt", "ü\n.txt"],
        2,
    )
    assert "files" not in third.metadata
    assert first.key == first.metadata["commit"]
    assert first.key is not None
    assert len(first.key) == 40


def test_bad_commits_are_reported_and_the_others_go_in(repository: Path) -> None:
    git(repository, "commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
    # `git commit` would repair the bytes; other programs that write commits do not.
    tree, parent = (git(repository, "rev-parse", name).strip() for name in ("HEAD^{tree}", "HEAD"))
    who = b"Ann <ann@example.org> 1760000000 +0000"
    raw = b"tree %s\nparent %s\nauthor %s\ncommitter %s\n\nbad \xff\n" % (tree, parent, who, who)
    made = git(repository, "hash-object", "-t", "commit", "-w", "--stdin", stdin=raw)
    git(repository, "update-ref", "HEAD", made.decode().strip())
    git(repository, "commit", "-q", "--allow-empty", "-F", "-", stdin=b"x" * 300_000)
    git(repository, "commit", "-q", "--allow-empty", "-m", "tab\there " + "y" * 2000)
    memories, problems = split(read_git(repository))
    assert len(memories) == 4
    assert len(problems) == 3
    assert "has no message" in problems[0]
    assert "not valid UTF-8" in problems[1]
    assert "at most 262144 fit" in problems[2]
    assert memories[-1].title.startswith("tab here yyy")


def test_a_mass_change_names_some_files_and_counts_all(repository: Path) -> None:
    for i in range(300):
        (repository / f"{i}.txt").write_text("x")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "Mass")
    memories, problems = split(read_git(repository))
    assert problems == []
    assert memories[-1].metadata["file_count"] == 300
    assert len(memories[-1].metadata["files"]) == 64  # type: ignore[arg-type]  # a list


def test_a_new_repository_has_nothing_to_import(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert split(read_git(tmp_path)) == ([], [])


def test_the_parts_of_a_history_are_disjoint_and_complete(repository: Path) -> None:
    everything = keys(split(read_git(repository))[0])
    parts = [keys(split(read_git(repository, shard=(i, 2)))[0]) for i in range(2)]
    assert sorted(map(str, (*parts[0], *parts[1]))) == sorted(map(str, everything))


def test_what_is_no_repository_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotFoundError, match="no folder"):
        read_git(tmp_path / "absent")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UsageError, match="not a git repository"):
        read_git(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DegradedError, match="git command is not installed"):
        read_git(tmp_path)


def test_reading_may_stop_half_way(repository: Path) -> None:
    commits = read_git(repository)
    next(commits)
    commits.close()  # type: ignore[attr-defined]  # it is a generator
