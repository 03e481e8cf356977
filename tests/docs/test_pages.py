"""What all pages name exists: commands, options, files, names of the package, links."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from engram_sync.cli import cli
from tests.docs.pages import PAGES, ROOT, anchors, blocks, spans, text_of
from tests.docs.transcript import steps

HOSTS = {"keepachangelog.com", "semver.org"}
"""The only ones that a page may name."""
WORD = re.compile(r"engram-sync(?: --home \S+)? ([a-z]+)\b(.*)")
SOURCES = ("", "engram_sync/", "crdt/engram_crdt/")
page = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())


def commands_of(path: Path) -> Iterator[tuple[str, str]]:
    """(command, the rest of the line) of every use of the program that a page shows."""
    for block in blocks(text_of(path)):
        if block.language == "console":
            for step in steps(block.text):
                if match := WORD.match(" ".join(step.words)):
                    yield match[1], match[2]
    for span in spans(path):
        if match := WORD.match(span):
            yield match[1], match[2]
        elif span.split()[0] in cli.commands and " -" in span:
            first, _, rest = span.partition(" ")
            yield first, rest


def options(command: click.Command) -> set[str]:
    return {option for param in (*command.params, *cli.params) for option in param.opts}


@page
def test_every_command_exists_and_takes_the_options_shown(page: Path) -> None:
    for name, rest in commands_of(page):
        assert name in cli.commands, name
        shown = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", rest))
        assert shown <= options(cli.commands[name]), (name, rest)


def test_the_pages_use_the_program() -> None:
    """Otherwise the claim above holds because nothing was looked at."""
    used = {name for path in PAGES for name, _ in commands_of(path)}
    assert {"up", "invite", "join", "sync", "update", "down", "config"} <= used


@page
def test_every_file_named_exists(page: Path) -> None:
    for span in spans(page):
        if re.fullmatch(r"[\w./-]+\.(py|md|toml|cddl)", span) is None:
            continue
        if span in {"config.toml", "engram-sync.toml", "_module.py"}:
            continue  # Files that people write, and the pattern of a name.
        if "/" in span:
            places = [page.parent / span, *(ROOT / source / span for source in SOURCES)]
            assert any(place.is_file() for place in places), span
        else:
            assert any(path.is_file() for path in ROOT.rglob(span)), span


@page
def test_every_name_of_the_package_exists(page: Path) -> None:
    for span in spans(page):
        match = re.fullmatch(r"(engram_\w+(?:\.[a-z_]+)*)(?:\.([A-Z]\w*))?", span)
        if match is None:
            continue
        module = importlib.import_module(match[1])
        assert match[2] is None or hasattr(module, match[2]), span


@page
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if target.startswith("https://"):
            assert target.removeprefix("https://").split("/")[0] in HOSTS, target
            continue
        name, _, anchor = target.partition("#")
        linked = page.parent / name if name else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), target


@page
def test_no_host_is_named(page: Path) -> None:
    named = re.findall(r"\b(?:[a-z0-9-]+\.)+(?:com|dev|io|net|org)\b", text_of(page))
    assert set(named) <= HOSTS


def test_the_distribution_shows_the_readme() -> None:
    assert '\nreadme = "README.md"\n' in (ROOT / "pyproject.toml").read_text()
