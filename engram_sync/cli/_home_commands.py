"""Commands about the node itself."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

import click

from ._attach import attached_or, call, opened, run
from ._output import print_json, print_line, print_table, rfc3339
from ._state import Options, global_options, pass_state
from ._views import print_status

if TYPE_CHECKING:
    from engram_sync.config import Config


@click.command()
@click.option("--label", help="What other nodes call this one; by default the machine's name.")
@global_options
@pass_state
def init(state: Options, *, label: str | None) -> None:
    """Create the home: key, identity, agent and store; print the node's id.

    Running it again prints the same id and changes nothing but the label, if one is given.
    """
    from engram_sync.api import Identity

    home = state.home
    # Only what is written down already is used: init itself talks to nobody.
    config = state.config(network_enabled=False)

    async def identity() -> Identity:
        async with attached_or(home, partial(opened, home, config, label=label)) as node:
            found = await node.identity()
            return found if label in (None, found.label) else await node.relabel(str(label))

    found = run(state, identity)
    if state.json:
        print_json("init", found, node_id=found.node, created_at=rfc3339(found.created_at_ms))
    else:
        print_line(found.node)


@click.command("id")
@global_options
@pass_state
def id_command(state: Options) -> None:
    """Print who this node is."""
    found = call(state, lambda node: node.identity())
    if state.json:
        print_json("id", found, node_id=found.node, created_at=rfc3339(found.created_at_ms))
    else:
        print_line(found.node)


@click.command()
@global_options
@pass_state
def status(state: Options) -> None:
    """Show the truth about this node: memories, peers, problems, and what is synced."""
    found = call(state, lambda node: node.status())
    if state.json:
        print_json("status", found)
    else:
        print_status(found)


@click.group(invoke_without_command=True)
@global_options
@click.pass_context
def config(ctx: click.Context) -> None:
    """Show the settings and where each of them comes from."""
    if ctx.invoked_subcommand is None:
        _print_config(ctx.ensure_object(Options))


@config.command()
@global_options
@pass_state
def show(state: Options) -> None:
    """Show the settings and where each of them comes from."""
    _print_config(state)


def _print_config(state: Options) -> None:
    from engram_sync.config import SETTINGS

    settings = state.config()
    rows = {
        name: (
            settings.value(name),
            settings.origins.get(name, "default"),
            f"{setting.about} ({setting.kind.value})",
        )
        for name, setting in SETTINGS.items()
    }
    rows |= {
        name: (value, settings.origins[name], f"the same, of {whose} alone")
        for name, value, whose in _narrower(settings)
    }
    if state.json:
        print_json(
            "config",
            home=str(state.home),
            settings={
                name: {"value": value, "origin": origin}
                for name, (value, origin, _) in rows.items()
            },
        )
        return
    print_table(
        ("setting", "value", "from", "meaning"),
        ((name, _value(value), origin, about) for name, (value, origin, about) in rows.items()),
    )


def _narrower(settings: "Config") -> Iterator[tuple[str, str, str]]:
    """Name, value and reach of the strategies that were chosen for a type or a category."""
    chosen = settings.strategies
    for kind, fields in chosen.by_type.items():
        for name, value in fields.items():
            yield f"strategies.{kind}.{name}", value, f"{kind} memories"
    for category, fields in chosen.by_category.items():
        for name, value in fields.items():
            where = f"the category {category}"
            yield f"strategies.categories.{category}.{name}", value, where


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, cast("tuple[object, ...]", value)))
    return str(value).lower() if isinstance(value, bool) else str(value)
