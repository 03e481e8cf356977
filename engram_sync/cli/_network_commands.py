"""Commands about other nodes."""

from typing import TYPE_CHECKING

import click

from engram_sync.errors import DeadlineError, DegradedError

from ._attach import call, call_running, lock_holder
from ._input import text_or_stdin
from ._kinds import duration
from ._output import print_json, print_line
from ._state import Options, global_options, pass_state
from ._views import print_peers, print_sync

if TYPE_CHECKING:
    from engram_sync.control import ControlClient

DOWN_SECONDS = 30.0
DOWN_POLL_SECONDS = 0.05


@click.command()
@click.option(
    "--ttl", type=duration, default="15m", show_default=True, help="How long it can be used."
)
@click.option(
    "--role",
    type=click.Choice(("observer", "member", "leader")),
    default="member",
    show_default=True,
    help="What the new node may do.",
)
@click.option(
    "--uses",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="How many nodes it admits.",
)
@global_options
@pass_state
def invite(state: Options, *, ttl: float, role: str, uses: int) -> None:
    """Print a token that admits another node to this agent; give it to nobody else."""
    token = call_running(
        state, lambda node: node.invite(ttl_s=ttl, role=role, uses=uses), word="invite"
    )
    if state.json:
        print_json("invite", token=token)
    else:
        print_line(token)


@click.command()
@click.argument("token")
@click.option("--bring", is_flag=True, help="Re-create the memories of the earlier agent there.")
@global_options
@pass_state
def join(state: Options, *, token: str, bring: bool) -> None:
    """Become a node of the agent that TOKEN invites to; `-` reads it from standard input."""
    word = text_or_stdin(token, "TOKEN").strip()
    result = call(state, lambda node: node.join(word, bring=bring), network=True)
    if state.json:
        print_json("join", result)
        return
    print_line(f"joined agent {result.agent} as {result.role}")
    if result.brought:
        print_line(f"{result.brought} earlier memories were brought along")
    if result.left_behind:
        print_line(f"{result.left_behind} earlier memories stay local; --bring re-creates them")


@click.command()
@global_options
@pass_state
def peers(state: Options) -> None:
    """List the other nodes of this agent, and how they were found."""
    found = call(state, lambda node: node.peers())
    if state.json:
        print_json("peers", peers=found)
    else:
        print_peers(found)


@click.command()
@click.option("--timeout", type=duration, default="30s", show_default=True, help="When to give up.")
@global_options
@pass_state
def sync(state: Options, *, timeout: float) -> int:
    """Exchange everything with every reachable peer and wait until both hold the same.

    Exit code 0 when clocks and digests agree with all of them, else 6.
    """
    result = call(state, lambda node: node.sync(timeout_s=timeout), network=True)
    if state.json:
        print_json("sync", result)
    else:
        print_sync(result, state.typed("conflicts"))
    return 0 if result.state in {"clean", "merged"} else DegradedError.exit_code


@click.command()
@global_options
@pass_state
def offline(state: Options) -> None:
    """Drop all connections and refuse new ones; the node stays writable."""
    call_running(state, lambda node: node.go_offline(), word="offline")
    _print_ok(state, "offline")


@click.command()
@global_options
@pass_state
def online(state: Options) -> None:
    """Use the network again after `offline`."""
    call_running(state, lambda node: node.go_online(), word="online")
    _print_ok(state, "online")


@click.command()
@global_options
@pass_state
def down(state: Options) -> None:
    """Stop the running node and wait until it has gone."""

    async def stop(client: "ControlClient") -> None:
        await client.stop()
        await _wait_until_gone(client)

    call_running(state, stop, word="down")
    _print_ok(state, "down")


async def _wait_until_gone(client: "ControlClient") -> None:
    """Wait until the node has given back its home, the last thing it does."""
    import trio

    with trio.move_on_after(DOWN_SECONDS):
        # The node's last act is to take its id out of the file; no event crosses processes.
        while lock_holder(client.home) == str(client.pid):  # noqa: ASYNC110
            await trio.sleep(DOWN_POLL_SECONDS)
        return
    raise DeadlineError(
        f"the node (pid {client.pid}) has not stopped after {DOWN_SECONDS:g} s",
        hint="look at what it prints; nothing is lost when it is killed",
    )


def _print_ok(state: Options, done: str) -> None:
    if state.json:
        print_json("ok", done=done)
    else:
        print_line(done)
