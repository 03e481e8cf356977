"""What the commands that concern memories have in common."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from ._kinds import entry, increment, moment, past_moment
from ._state import with_options

F = TypeVar("F", bound=Callable[..., Any])

LIMIT_MAX = 10_000
TYPES = ("instant", "episodic", "semantic", "procedural")
SCOPES = ("instance", "agent", "collective", "universal")
STATED = ("observed", "inferred", "consensus", "contested", "retracted")
REPORTED = "reported"
"""Never stated: it depends on who reads."""
UNSTATED = "unstated"
CONFIDENCE = click.FloatRange(0, 1)

ref_argument = click.argument("ref", metavar="ID")
if_version_option = click.option(
    "--if-version", metavar="V", help="Replace only what this version showed; see `get`."
)
reason_option = click.option("--reason", default="", metavar="TEXT", help="Kept in its history.")
meta_option = click.option(
    "--meta", "metadata", type=entry, multiple=True, metavar="KEY=VALUE", help="Repeatable."
)

belief_option = click.option(
    "--belief", nargs=3, metavar="SUBJECT RELATION OBJECT", help="What it says, as one relation."
)
not_option = click.option("--not", "negated", is_flag=True, help="That --belief does not hold.")
step_option = click.option(
    "--step", "steps", metavar="TEXT", multiple=True, help="A step of the skill; repeatable."
)
count_option = click.option(
    "--count",
    "counts",
    type=increment,
    multiple=True,
    metavar="NAME[=N]",
    help="Add N, by default 1, to a counter; repeatable.",
)
at_option = click.option(
    "--at",
    "at_ms",
    type=past_moment,
    metavar="TIME",
    help="As this node would have shown it then: 2h, '3 days ago', 2026-01-31T09:00.",
)


def page_options(limit: int) -> Callable[[F], F]:
    """The options of an answer that comes in pages."""
    return with_options(
        (
            click.option(
                "--limit", type=click.IntRange(1, LIMIT_MAX), default=limit, show_default=True
            ),
            click.option("--after", metavar="NEXT", help="Go on from the end of another page."),
        )
    )


def filter_options(limit: int) -> Callable[[F], F]:
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
                "--epistemic",
                type=click.Choice((*STATED, REPORTED)),
                help="Only what stands on this ground.",
            ),
            click.option(
                "--since", type=moment, metavar="WHEN", help="Only changed since: 7d, 2026-01-31."
            ),
        )
    )
