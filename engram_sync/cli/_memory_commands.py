"""Commands that write and read memories."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from engram_sync.errors import UsageError

from ._attach import call
from ._input import text_or_stdin
from ._kinds import entry, moment
from ._output import print_json, print_line
from ._state import State, global_options, pass_state, with_options
from ._views import print_conflicts, print_engram, print_history, print_hits, print_list

if TYPE_CHECKING:
    from engram_sync.control import NodeApi
    from engram_sync.results import Engram

F = TypeVar("F", bound=Callable[..., Any])

LIMIT_MAX = 10_000
TYPES = ("instant", "episodic", "semantic", "procedural")
SCOPES = ("instance", "agent", "collective", "universal")

_REF = click.argument("ref", metavar="ID")
_IF_VERSION = click.option(
    "--if-version", metavar="V", help="Replace only what this version showed; see `get`."
)
_REASON = click.option("--reason", default="", metavar="TEXT", help="Kept in its history.")
_META = click.option(
    "--meta", "metadata", type=entry, multiple=True, metavar="KEY=VALUE", help="Repeatable."
)
_CONFIDENCE = click.FloatRange(0, 1)


def _filters(limit: int) -> Callable[[F], F]:
    """The options that recall and list share."""
    return with_options(
        (
            click.option(
                "--limit", type=click.IntRange(1, LIMIT_MAX), default=limit, show_default=True
            ),
            click.option("--tag", "tags", multiple=True, help="Only with this tag; repeatable."),
            click.option("--type", "type_", type=click.Choice(TYPES), help="Only of this type."),
            click.option("--scope", type=click.Choice(SCOPES), help="Only in this scope."),
            click.option(
                "--since", type=moment, metavar="WHEN", help="Only changed since: 7d, 2026-01-31."
            ),
        )
    )


@click.command()
@click.argument("content")
@click.option("--title", default="", help="A short name for it.")
@click.option("--tag", "tags", multiple=True, help="Repeatable.")
@click.option("--type", "type_", type=click.Choice(TYPES), default="semantic", show_default=True)
@click.option("--category", default="", help="Your own way to file it.")
@click.option(
    "--scope", type=click.Choice(SCOPES), help="How far it may travel; by default, its type says."
)
@click.option("--confidence", type=_CONFIDENCE, default=1.0, show_default=True, help="From 0 to 1.")
@_META
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
@click.argument("query", nargs=-1, required=True)
@_filters(limit=10)
@global_options
@pass_state
def recall(
    state: State,
    *,
    query: tuple[str, ...],
    limit: int,
    tags: tuple[str, ...],
    type_: str | None,
    scope: str | None,
    since: int | None,
) -> None:
    """Find the memories that answer QUERY, best first."""
    hits = call(
        state,
        lambda node: node.recall(
            " ".join(query), limit=limit, tags=tags, type=type_, scope=scope, since_ms=since
        ),
    )
    if state.json:
        import msgspec

        results = [msgspec.to_builtins(hit.engram) | {"score": hit.score} for hit in hits]
        print_json("recall", results=results)
    else:
        print_hits(hits)


@click.command()
@_REF
@global_options
@pass_state
def get(state: State, *, ref: str) -> None:
    """Show one memory; ID may be a unique prefix of 8 characters or more."""
    engram = call(state, lambda node: node.get(ref))
    if state.json:
        print_json("engram", engram)
    else:
        print_engram(engram)


@click.command("list")
@_filters(limit=50)
@click.option(
    "--life",
    type=click.Choice(("active", "archived", "deleted")),
    default="active",
    show_default=True,
)
@click.option("--after", metavar="ID", help="Continue behind this one.")
@global_options
@pass_state
def list_command(
    state: State,
    *,
    limit: int,
    tags: tuple[str, ...],
    type_: str | None,
    scope: str | None,
    since: int | None,
    life: str,
    after: str | None,
) -> None:
    """List memories, newest first."""
    engrams = call(
        state,
        lambda node: node.list(
            limit=limit,
            tags=tags,
            type=type_,
            scope=scope,
            since_ms=since,
            life=life,
            after=after,
        ),
    )
    if state.json:
        print_json("list", results=engrams)
    else:
        print_list(engrams)


@click.command()
@_REF
@click.option("--content", help="The new text; `-` reads it from standard input.")
@click.option("--title", help="A short name for it.")
@click.option("--category", help="Your own way to file it.")
@click.option("--tag", "add_tags", multiple=True, help="Add this tag; repeatable.")
@click.option("--remove-tag", "remove_tags", multiple=True, help="Repeatable.")
@click.option("--confidence", type=_CONFIDENCE, help="From 0 to 1.")
@_META
@_IF_VERSION
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
@_REF
@_REASON
@_IF_VERSION
@global_options
@pass_state
def forget(state: State, *, ref: str, reason: str, if_version: str | None) -> None:
    """Hide a memory everywhere it was shared; `restore` brings it back."""
    _change(state, lambda node: node.forget(ref, reason=reason, if_version=if_version))


@click.command()
@_REF
@_REASON
@_IF_VERSION
@global_options
@pass_state
def archive(state: State, *, ref: str, reason: str, if_version: str | None) -> None:
    """Put a memory aside: kept and shared, but no longer recalled."""
    _change(state, lambda node: node.archive(ref, reason=reason, if_version=if_version))


@click.command()
@_REF
@_IF_VERSION
@global_options
@pass_state
def restore(state: State, *, ref: str, if_version: str | None) -> None:
    """Make an archived or forgotten memory active again."""
    _change(state, lambda node: node.restore(ref, if_version=if_version))


@click.command()
@_REF
@global_options
@pass_state
def history(state: State, *, ref: str) -> None:
    """Show every change of a memory, by whom and when, oldest first."""
    entries = call(state, lambda node: node.history(ref))
    if state.json:
        print_json("history", entries=entries)
    else:
        print_history(entries)


@click.command()
@global_options
@pass_state
def conflicts(state: State) -> None:
    """List concurrent edits that nobody has resolved yet."""
    found = call(state, lambda node: node.conflicts())
    if state.json:
        print_json("conflicts", conflicts=found)
    else:
        print_conflicts(found)
        if found:
            hint = f"{state.typed('update ID --if-version V --content TEXT')}"
            print_line(f"To resolve one, write what it should say: {hint}")


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
