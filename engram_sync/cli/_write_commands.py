"""Commands that write memories."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from engram_sync.errors import UsageError

from ._attach import call
from ._edits import in_order
from ._input import text_or_stdin
from ._kinds import amendment, deletion, event, insertion
from ._memory_options import (
    CONFIDENCE,
    SCOPES,
    STATED,
    TYPES,
    UNSTATED,
    belief_option,
    count_option,
    if_version_option,
    meta_option,
    not_option,
    reason_option,
    ref_argument,
    step_option,
)
from ._output import print_json, print_line
from ._state import Options, global_options, pass_state

if TYPE_CHECKING:
    from engram_sync.api import Engram
    from engram_sync.api.calls import NodeApi


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
@belief_option
@not_option
@click.option("--event", "events", type=event, multiple=True, help="What happened; repeatable.")
@click.option("--epistemic", type=click.Choice(STATED), help="On what ground it stands.")
@click.option("--skill", metavar="NAME", help="It says how to do NAME, in the --step that follow.")
@step_option
@count_option
@click.option(
    "--collaborative", is_flag=True, help="CONTENT is a text that several can edit at once."
)
@click.option("--key", help="The same key always names the same memory.")
@global_options
@pass_state
def remember(
    state: Options,
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
    negated: bool,
    events: tuple[object, ...],
    epistemic: str | None,
    skill: str | None,
    steps: tuple[str, ...],
    counts: tuple[tuple[str, int], ...],
    collaborative: bool,
    key: str | None,
) -> None:
    """Write a memory and print its id; `-` reads CONTENT from standard input."""
    text = text_or_stdin(content, "CONTENT")
    opinion = _opinion(belief, negated=negated)
    if (skill is None) != (not steps):
        raise UsageError("a skill has a name and steps", hint="give --skill NAME and --step TEXT")
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
            belief=opinion,
            events=events,
            epistemic=epistemic or "",
            skill={"name": skill, "steps": [*steps]} if skill else None,
            counters=_totals(counts),
            collaborative=collaborative,
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
@click.option(
    "--epistemic", type=click.Choice((*STATED, UNSTATED)), help="On what ground it stands."
)
@belief_option
@not_option
@click.option("--event", "events", type=event, multiple=True, help="What else; repeatable.")
@click.option(
    "--amend",
    "amendments",
    type=amendment,
    multiple=True,
    metavar="EVENT=TEXT",
    help="What an event should say; `get` shows the name of each. Repeatable.",
)
@click.option("--remove-event", "remove_events", metavar="EVENT", multiple=True, help="Repeatable.")
@click.option("--refine", metavar="TEXT", help="The next version of the skill, as a text.")
@step_option
@click.option("--skill", metavar="NAME", help="What the next version of the skill is called.")
@click.option(
    "--parent",
    "parents",
    metavar="VERSION",
    multiple=True,
    help="What the next version was made from; by default all of them. Repeatable.",
)
@count_option
@click.option(
    "--insert",
    "insertions",
    type=insertion,
    multiple=True,
    metavar="POS:TEXT",
    help="Put TEXT into a collaborative text; positions count characters of what `get` shows.",
)
@click.option(
    "--delete",
    "deletions",
    type=deletion,
    multiple=True,
    metavar="POS:LEN",
    help="Take characters out of a collaborative text.",
)
@if_version_option
@global_options
@pass_state
def update(
    state: Options,
    *,
    ref: str,
    content: str | None,
    title: str | None,
    category: str | None,
    add_tags: tuple[str, ...],
    remove_tags: tuple[str, ...],
    confidence: float | None,
    metadata: tuple[tuple[str, object], ...],
    epistemic: str | None,
    belief: tuple[str, str, str] | None,
    negated: bool,
    events: tuple[object, ...],
    amendments: tuple[tuple[str, object], ...],
    remove_events: tuple[str, ...],
    refine: str | None,
    steps: tuple[str, ...],
    skill: str | None,
    parents: tuple[str, ...],
    counts: tuple[tuple[str, int], ...],
    insertions: tuple[tuple[int, str], ...],
    deletions: tuple[tuple[int, int], ...],
    if_version: str | None,
) -> None:
    """Change a memory.

    It replaces what the memory shows now or, with --if-version, exactly what it showed then: what
    others wrote since stays beside it, as a conflict.
    """
    changes: dict[str, Any] = {
        "title": title,
        "category": category,
        "add_tags": add_tags,
        "remove_tags": remove_tags,
        "confidence": confidence,
        "metadata": dict(metadata) or None,
        "epistemic": "" if epistemic == UNSTATED else epistemic,
        "believe": _opinion(belief, negated=negated),
        "add_events": events,
        "amend_events": dict(amendments) or None,
        "remove_events": remove_events,
        "refine": _refinement(refine, steps, skill, parents),
        "refine_parents": parents or None,
        "count": _totals(counts) or None,
        "edits": in_order(insertions, deletions),
    }
    # An empty text is something to change to, an empty list is not.
    given = {name: value for name, value in changes.items() if value not in (None, (), [])}
    if content is None and not given:
        raise UsageError(
            "nothing to change", hint=f"see: {state.typed('update --help')}, for example --content"
        )
    if content is not None:
        given["content"] = text_or_stdin(content, "CONTENT")
    engram = call(state, lambda node: node.update(ref, if_version=if_version, **given))
    _print_written(state, engram)


@click.command()
@ref_argument
@reason_option
@if_version_option
@global_options
@pass_state
def archive(state: Options, *, ref: str, reason: str, if_version: str | None) -> None:
    """Put a memory aside: kept and shared, but no longer recalled."""
    _change(state, lambda node: node.archive(ref, reason=reason, if_version=if_version))


@click.command()
@ref_argument
@if_version_option
@global_options
@pass_state
def restore(state: Options, *, ref: str, if_version: str | None) -> None:
    """Make an archived or forgotten memory active again."""
    _change(state, lambda node: node.restore(ref, if_version=if_version))


def _change(state: Options, work: "Callable[[NodeApi], Awaitable[Engram]]") -> None:
    _print_written(state, call(state, work))


def _print_written(state: Options, engram: "Engram") -> None:
    if state.json:
        print_json("engram", engram)
    else:
        print_line(engram.id)


def _opinion(words: tuple[str, str, str] | None, *, negated: bool) -> dict[str, object] | None:
    if words is None:
        if negated:
            raise UsageError("--not says that a --belief does not hold", hint="give --belief too")
        return None
    subject, relation, target = words
    return {"subject": subject, "relation": relation, "object": target, "polarity": not negated}


def _refinement(
    text: str | None, steps: tuple[str, ...], name: str | None, parents: tuple[str, ...]
) -> dict[str, object] | None:
    """The next version of a skill, in full."""
    if text is None and not steps:
        if name is not None or parents:
            raise UsageError(
                "a new version of a skill says how it is done", hint="give --refine or --step"
            )
        return None
    if text is not None and steps:
        raise UsageError(
            "a skill is a text or steps, not both", hint="leave --refine or --step out"
        )
    named: dict[str, object] = {} if name is None else {"name": name}
    return named | ({"steps": [*steps]} if steps else {"text": text})


def _totals(counts: tuple[tuple[str, int], ...]) -> dict[str, int]:
    """By the name of a counter: the sum of what was typed for it."""
    totals: dict[str, int] = {}
    for name, by in counts:
        totals[name] = totals.get(name, 0) + by
    return totals
