"""The program: runs one command and turns how it ended into an exit code."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NoReturn, cast

import click

from engram_sync.errors import EngramError, LocalError, UsageError

from ._home_commands import config, id_command, init, status
from ._import_command import import_command
from ._network_commands import down, invite, join, offline, online, peers, sync
from ._output import print_error
from ._read_commands import conflicts, get, history, list_command, recall
from ._state import Options, global_options
from ._up_command import up
from ._upkeep_commands import compact, doctor, forget
from ._write_commands import archive, remember, restore, update
from .demo.command import demo

EXIT_INTERRUPTED = 130
EXIT_PIPE_CLOSED = 1


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version("engram-sync")
    except PackageNotFoundError:
        number = "of a checkout that is not installed"
    click.echo(f"engram-sync {number}")
    ctx.exit()


COMMANDS: dict[str, tuple[click.Command, ...]] = {
    "Everyday": (init, remember, recall, get, list_command, update, forget, archive, restore),
    "Sharing": (up, down, invite, join, peers, sync, offline, online),
    "Conflicts and history": (conflicts, history),
    "Upkeep": (status, doctor, compact, import_command, id_command, config, demo),
}


class _Program(click.Group):
    """Lists its commands by what they are for, each with its whole first sentence."""

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click calls it so
        formatter: click.HelpFormatter,
    ) -> None:
        """Write the part of the help that names the commands."""
        for title, commands in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(str(c.name), c.get_short_help_str(200)) for c in commands])


@click.group(
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ok, 1 error, 2 usage, 3 not found, 4 conflict or precondition, "
    "5 denied, 6 degraded or partial, 7 timeout, 8 corruption, 130 interrupted.",
)
@global_options
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version and exit.",
)
def cli() -> None:
    """Memories that AI agents share without a server."""


for command in chain.from_iterable(COMMANDS.values()):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the program and leave the process with its exit code.

    Args:
        arguments: What was typed after the program's name; ``sys.argv`` when None.
    """
    sys.exit(run_command(sys.argv[1:] if arguments is None else arguments))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; prints whatever there is to say.

    Exceptions that are not ours leave as they are: they are bugs, and their place matters.
    """
    state = Options()
    # A usage error may come before click has seen the flag.
    json = "--json" in arguments
    try:
        code = cli.main(list(arguments), "engram-sync", standalone_mode=False, obj=state)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        print_error(_usage_error(error), json=json)
        return UsageError.exit_code
    except (KeyboardInterrupt, click.Abort):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return _pipe_closed()
    except EngramError as error:
        _report(error, state, json=json)
        return error.exit_code
    except BaseExceptionGroup as group:
        return _report_group(group, state, json=json)


def _report(error: EngramError, state: Options, *, json: bool) -> None:
    """Print an error; commands that its hint names are the ones for this home."""

    def typed(found: re.Match[str]) -> str:
        return state.typed(found[1]) if found[1] in cli.commands else found[0]

    if "--home" not in error.hint:
        error.hint = re.sub(r"\bengram-sync ([a-z]+)\b", typed, error.hint)
    print_error(error, json=json)


def _report_group(group: BaseExceptionGroup[BaseException], state: Options, *, json: bool) -> int:
    """What trio's nurseries wrapped: an interruption, an error of ours, or a bug."""
    leaves = list(_leaves(group))
    if any(isinstance(leaf, KeyboardInterrupt) for leaf in leaves):
        return EXIT_INTERRUPTED
    ours = [leaf for leaf in leaves if isinstance(leaf, EngramError)]
    if len(ours) < len(leaves):
        raise group
    for error in ours:
        _report(error, state, json=json)
    return ours[0].exit_code


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(cast("BaseExceptionGroup[BaseException]", error))
        else:
            yield error


def _usage_error(error: click.ClickException) -> LocalError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context is not None else "engram-sync"
    return UsageError(error.format_message().rstrip("."), hint=f"see: {path} --help")


def _pipe_closed() -> int:
    """The reader of our output has gone, as in ``engram-sync list | head``."""
    # Otherwise the interpreter writes what is buffered at exit, and complains.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return EXIT_PIPE_CLOSED
