"""``up``: a node in the foreground."""

import signal
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

import click

from engram_sync.errors import PreconditionError

from ._attach import attached_or, existing_home, opened, run
from ._output import print_json, print_line
from ._state import Options, global_options, pass_state

if TYPE_CHECKING:
    import trio

    from engram_sync.api.calls import NodeApi
    from engram_sync.config import Config

SHUTDOWN_SECONDS_MAX = 15.0
"""From the wish to stop to the end of the process; a node needs far less."""


@click.command()
@click.option(
    "--listen",
    metavar="HOST:PORT",
    multiple=True,
    help="Where to accept peers; repeatable. Port 0 takes any free one.",
)
@click.option(
    "--peer", "peers", metavar="HOST:PORT", multiple=True, help="A peer to dial; repeatable."
)
@click.option("--no-mdns", is_flag=True, help="Neither announce nor look on the local network.")
@click.option("--tls-ca", metavar="FILE", help="Accept only certificates that these ones sign.")
@click.option("--tls-cert", metavar="FILE", help="The certificate of this node.")
@click.option("--tls-key", metavar="FILE", help="Its private key.")
@global_options
@pass_state
def up(
    state: Options,
    *,
    listen: tuple[str, ...],
    peers: tuple[str, ...],
    no_mdns: bool,
    tls_ca: str | None,
    tls_cert: str | None,
    tls_key: str | None,
) -> None:
    """Run the node in the foreground until it is interrupted or told `down`."""
    config = state.config(
        network_enabled=True,
        network_listen=listen or None,
        network_peers=peers or None,
        network_mdns=False if no_mdns else None,
        network_tls_ca=tls_ca,
        network_tls_cert=tls_cert,
        network_tls_key=tls_key,
    )
    run(state, partial(_serve, state, config), level="info")


async def _serve(state: Options, config: "Config") -> None:
    import trio

    from engram_sync.control import ControlClient, serve_control

    home = existing_home(state)
    stopping = trio.Event()
    services = (partial(serve_control, on_stop=stopping.set),)
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on_signal, signals, stopping, nursery.cancel_scope)
            own = partial(opened, home, config, services, running=True)
            async with attached_or(home, own) as node:
                if isinstance(node, ControlClient):
                    raise PreconditionError(
                        f"a node already runs for {home} (pid {node.pid})",
                        hint=f"use it as it is, or stop it first: {state.typed('down')}",
                    )
                await _announce(state, node)
                await stopping.wait()
                nursery.cancel_scope.deadline = trio.current_time() + SHUTDOWN_SECONDS_MAX
            nursery.cancel_scope.cancel()


async def _announce(state: Options, node: "NodeApi") -> None:
    """Say that the node is ready, once it truly listens."""
    found = await node.status()
    if state.json:
        print_json("ready", node_id=found.identity.node, listen=found.listen)
        return
    print_line(f"node {found.identity.node} ({found.identity.label})")
    print_line(f"listening on {' '.join(found.listen) or 'nothing'}; Ctrl-C stops it")


async def _stop_on_signal(
    signals: AsyncIterator[int], stopping: "trio.Event", scope: "trio.CancelScope"
) -> None:
    """The first signal asks for an orderly end, a second one for any end."""
    async for _ in signals:
        if stopping.is_set():
            scope.cancel()
        stopping.set()
