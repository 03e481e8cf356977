"""Commands that write memories."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from engram_sync.errors import UsageError

from ._attach import call
from ._input import text_or_stdin
from ._memory_options import (
    CONFIDENCE,
    SCOPES,
    TYPES,
    if_version_option,
    meta_option,
    reason_option,
    ref_argument,
)
from ._output import print_json, print_line
from ._state import State, global_options, pass_state

if TYPE_CHECKING:
    from engram_sync.control import NodeApi
    from engram_sync.results import Engram


@click.command()
@click.argument("content")
@click.option("--title", default="", help="A short name for it.")
@click.option("--tag", "tags", multiple=True, help="Repeatable.")
@click.option("--type", "type_", type=click.Choice(TYPES), default="semantic", show_default=True)
@click.option("--category", default="", help="Your own way to file it.")
@click.option(
    "--scope", type=click.Choice(SCOPES), help="How far it may travel; by default, its type says."
)
@click.option("--confidence", type=CONFIDENCE, default=1.0, show_default=True, help="From 0 to 1.")
@meta_option
@click.option(
    "--belief", nargs=3, metavar="SUBJECT RELATION OBJECT", help="What it says, as one relation."
)
@click.option("--key", help="The same key always names the same memory.")
@global_options
@pass_state
def remember(
    state: State,
    *,
    content: str,
    title: str,
    tags: tuple[str, ...],
    type_: str,
    category: str,
    scope: str | None,
    confidence: float,
    metadata: tuple[tuple[str, object], ...],
    belief: tuple[str, str, str] | None,
    key: str | None,
) -> None:
    """Write a memory and print its id; `-` reads CONTENT from standard input."""
    text = text_or_stdin(content, "CONTENT")
    engram = call(
        state,
        lambda node: node.remember(
            text,
            type=type_,
            scope=scope,
            title=title,
            category=category,
            tags=tags,
            confidence=confidence,
            metadata=dict(metadata),
            belief=_belief(belief),
            key=key,
        ),
    )
    _print_written(state, engram)


@click.command()
@ref_argument
@click.option("--content", help="The new text; `-` reads it from standard input.")
@click.option("--title", help="A short name for it.")
@click.option("--category", help="Your own way to file it.")
@click.option("--tag", "add_tags", multiple=True, help="Add this tag; repeatable.")
@click.option("--remove-tag", "remove_tags", multiple=True, help="Repeatable.")
@click.option("--confidence", type=CONFIDENCE, help="From 0 to 1.")
@meta_option
@if_version_option
@global_options
@pass_state
def update(
    state: State,
    *,
    ref: str,
    content: str | None,
    title: str | None,
    category: str | None,
    add_tags: tuple[str, ...],
    remove_tags: tuple[str, ...],
    confidence: float | None,
    metadata: tuple[tuple[str, object], ...],
    if_version: str | None,
) -> None:
    """Change a memory.

    It replaces what the memory shows now or, with --if-version, exactly what it showed then: what
    others wrote since stays beside it, as a conflict.
    """
    changes = (content, title, category, confidence)
    if all(value is None for value in changes) and not (add_tags or remove_tags or metadata):
        raise UsageError(
            "nothing to change", hint=f"see: {state.typed('update --help')}, for example --content"
        )
    text = None if content is None else text_or_stdin(content, "CONTENT")
    engram = call(
        state,
        lambda node: node.update(
            ref,
            content=text,
            title=title,
            category=category,
            add_tags=add_tags,
            remove_tags=remove_tags,
            confidence=confidence,
            metadata=dict(metadata) if metadata else None,
            if_version=if_version,
        ),
    )
    _print_written(state, engram)


@click.command()
@ref_argument
@reason_option
@if_version_option
@global_options
@pass_state
def forget(state: State, *, ref: str, reason: str, if_version: str | None) -> None:
    """Hide a memory everywhere it was shared; `restore` brings it back."""
    _change(state, lambda node: node.forget(ref, reason=reason, if_version=if_version))


@click.command()
@ref_argument
@reason_option
@if_version_option
@global_options
@pass_state
def archive(state: State, *, ref: str, reason: str, if_version: str | None) -> None:
    """Put a memory aside: kept and shared, but no longer recalled."""
    _change(state, lambda node: node.archive(ref, reason=reason, if_version=if_version))


@click.command()
@ref_argument
@if_version_option
@global_options
@pass_state
def restore(state: State, *, ref: str, if_version: str | None) -> None:
    """Make an archived or forgotten memory active again."""
    _change(state, lambda node: node.restore(ref, if_version=if_version))


def _change(state: State, work: "Callable[[NodeApi], Awaitable[Engram]]") -> None:
    _print_written(state, call(state, work))


def _print_written(state: State, engram: "Engram") -> None:
    if state.json:
        print_json("engram", engram)
    else:
        print_line(engram.id)


def _belief(words: tuple[str, str, str] | None) -> dict[str, object] | None:
    if words is None:
        return None
    subject, relation, target = words
    return {"subject": subject, "relation": relation, "object": target}
