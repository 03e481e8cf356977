"""The options that every command takes, before or after its name."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from engram_sync.config import Config

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(slots=True)
class Options:
    """What the options say, for one run of the program."""

    home_flag: str | None = None
    json: bool = False
    no_input: bool = False
    log_level: str | None = None
    log_json: bool | None = None

    @property
    def home(self) -> Path:
        """The directory of the node.

        Raises:
            UsageError: It is one that this program never uses, or a file.
        """
        from engram_sync.config import resolve_home
        from engram_sync.errors import UsageError

        home = resolve_home(self.home_flag, os.environ)
        if home.exists() and not home.is_dir():
            raise UsageError(
                f"{home} is a file, and a home is a directory", hint="choose another --home"
            )
        return home

    def config(self, **flags: object) -> "Config":
        """Every setting, with the flags of a command on top.

        Args:
            flags: Settings with ``_`` for the dot, for example ``network_mdns=False``; None means
                that the flag was not given.

        Raises:
            UsageError: A source of settings is wrong.
        """
        from engram_sync.config import load_config

        named = {name.replace("_", ".", 1): value for name, value in flags.items()}
        named |= {"log.level": self.log_level, "log.json": self.log_json}
        return load_config(self.home, named, os.environ, Path.cwd())

    def typed(self, command: str) -> str:
        """What to type to run ``command`` on this home."""
        home = f" --home {_quoted(self.home_flag)}" if self.home_flag else ""
        return f"engram-sync{home} {command}"


def _quoted(text: str) -> str:
    import shlex

    return text if sys.platform == "win32" else shlex.quote(text)


def _remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Note an option wherever it stood; the later one wins."""
    state = ctx.ensure_object(Options)
    assert param.name is not None
    if ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
        setattr(state, param.name, value)


_GLOBAL: tuple[Decorator, ...] = (
    click.option(
        "--home",
        "home_flag",
        metavar="DIR",
        help="Where the node lives; also ENGRAM_SYNC_HOME.",
        expose_value=False,
        callback=_remember,
    ),
    click.option(
        "--json",
        "json",
        is_flag=True,
        help="Print one JSON object instead of lines.",
        expose_value=False,
        callback=_remember,
    ),
    click.option(
        "--no-input",
        "no_input",
        is_flag=True,
        help="Never ask anything; fail instead.",
        expose_value=False,
        callback=_remember,
    ),
    click.option(
        "--log-level",
        "log_level",
        metavar="LEVEL",
        help="debug, info, warning or error.",
        expose_value=False,
        callback=_remember,
    ),
    click.option(
        "--log-json",
        "log_json",
        is_flag=True,
        help="Write log lines as JSON.",
        expose_value=False,
        callback=_remember,
    ),
)


def with_options(options: tuple[Decorator, ...]) -> Callable[[F], F]:
    """Give a command several options, to be listed in this order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = cast("F", option(command))
        return command

    return add


global_options = with_options(_GLOBAL)
"""Lets a command or group take the global options."""


def pass_state(command: Callable[Concatenate[Options, P], R]) -> Callable[P, R]:
    """Hand a command the state of this run as its first argument."""

    @wraps(command)
    def with_state(*args: P.args, **kwargs: P.kwargs) -> R:
        return command(click.get_current_context().ensure_object(Options), *args, **kwargs)

    return with_state
