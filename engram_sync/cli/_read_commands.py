"""Commands that read memories."""

import click

from engram_sync.api import CONFLICTS, HISTORY_ENTRIES

from ._attach import call
from ._memory_options import at_option, filter_options, page_options, ref_argument
from ._output import print_json, print_next
from ._state import Options, global_options, pass_state
from ._views import print_conflicts, print_engram, print_history, print_hits, print_list


@click.command()
@click.argument("query", nargs=-1, required=True)
@filter_options(limit=10)
@global_options
@pass_state
def recall(
    state: Options,
    *,
    query: tuple[str, ...],
    limit: int,
    tags: tuple[str, ...],
    type_: str | None,
    scope: str | None,
    epistemic: str | None,
    since: int | None,
) -> None:
    """Find the memories that answer QUERY, best first."""
    hits = call(
        state,
        lambda node: node.recall(
            " ".join(query),
            limit=limit,
            tags=tags,
            type=type_,
            scope=scope,
            epistemic=epistemic,
            since_ms=since,
        ),
    )
    if state.json:
        import msgspec

        results = [msgspec.to_builtins(hit.engram) | {"score": hit.score} for hit in hits]
        print_json("recall", results=results)
    else:
        print_hits(hits)


@click.command()
@ref_argument
@at_option
@global_options
@pass_state
def get(state: Options, *, ref: str, at_ms: int | None) -> None:
    """Show one memory; ID may be a unique prefix of 8 characters or more."""
    engram = call(state, lambda node: node.get(ref, at_ms=at_ms))
    if state.json:
        print_json("engram", engram)
    else:
        print_engram(engram)


@click.command("list")
@filter_options(limit=50)
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
    state: Options,
    *,
    limit: int,
    tags: tuple[str, ...],
    type_: str | None,
    scope: str | None,
    epistemic: str | None,
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
            epistemic=epistemic,
            since_ms=since,
            life=life,
            after=after,
        ),
    )
    if state.json:
        print_json("list", results=engrams, next=engrams.next)
    else:
        print_list(engrams)
        print_next(engrams.next, state.typed("list"))


@click.command()
@ref_argument
@at_option
@page_options(limit=HISTORY_ENTRIES)
@global_options
@pass_state
def history(state: Options, *, ref: str, at_ms: int | None, limit: int, after: str | None) -> None:
    """Show every change of a memory, by whom and when, oldest first."""
    entries = call(state, lambda node: node.history(ref, at_ms=at_ms, limit=limit, after=after))
    if state.json:
        print_json("history", entries=entries, next=entries.next)
    else:
        print_history(entries)
        print_next(entries.next, state.typed(f"history {ref}"))


@click.command()
@page_options(limit=CONFLICTS)
@global_options
@pass_state
def conflicts(state: Options, *, limit: int, after: str | None) -> None:
    """List concurrent edits that nobody has resolved yet."""
    found = call(state, lambda node: node.conflicts(limit=limit, after=after))
    if state.json:
        print_json("conflicts", conflicts=found, next=found.next)
    else:
        print_conflicts(found, state.typed)
        print_next(found.next, state.typed("conflicts"))
