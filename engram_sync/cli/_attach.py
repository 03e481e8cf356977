"""Gets a command its node: the one that runs for the home, or the store itself."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from engram_sync.errors import DegradedError, HomeInUseError, NotFoundError

from ._state import Options

if TYPE_CHECKING:
    from engram_sync.api.calls import NodeApi
    from engram_sync.config import Config
    from engram_sync.control import ControlClient
    from engram_sync.node import Service

T = TypeVar("T")

LOCK_FILE = "lock"
HOME_FILES = ("store.db", "control.json")
"""Either shows a home: its store, or the node that serves it.  A key alone remembers nothing, and a
store made for it now would be an empty one."""
BUSY_SECONDS_MAX = 30.0
"""How long to wait for another command on the same home: most take milliseconds, and a node that
is starting or stopping takes less than this, on a busy machine too."""
BUSY_POLL_SECONDS = 0.05


def run(state: Options, work: Callable[[], Awaitable[T]], *, level: str = "warning") -> T:
    """Run ``work`` under trio, with log lines on standard error.

    Args:
        state: The options.
        work: What to run.
        level: What is logged when nobody asked for a level: most commands say themselves what
            there is to say.
    """
    import trio

    from engram_sync.observe import configure_logging

    config = state.config()
    asked = "log.level" in config.origins
    configure_logging(config.log.level if asked else level, json=config.log.json)
    return trio.run(work)


def call(state: Options, work: "Callable[[NodeApi], Awaitable[T]]", *, network: bool = False) -> T:
    """What ``work`` answers for the node of this home, running or not.

    Args:
        state: Names the home.
        work: Calls the node.
        network: Whether a store opened for this command may dial its peers.
    """

    async def attach() -> T:
        async with node_of(state, network=network) as node:
            return await work(node)

    return run(state, attach)


def call_running(
    state: Options, work: "Callable[[ControlClient], Awaitable[T]]", *, word: str
) -> T:
    """What ``work`` answers for the running node.

    Args:
        state: Names the home.
        work: Calls the node.
        word: The command, for the error when no node runs.
    """

    async def attach() -> T:
        from engram_sync.control import find_node

        home = existing_home(state)
        client = await find_node(home)
        if client is None:
            raise DegradedError(
                f"{word} needs a running node, and none runs for {home}",
                hint=f"start one: {state.typed('up')}",
            )
        async with client:
            return await work(client)

    return run(state, attach)


def existing_home(state: Options) -> Path:
    """The home, which was initialised before.

    Raises:
        NotFoundError: It was not; nothing is created in a directory that may be a typing error.
    """
    home = state.home
    if not any((home / name).exists() for name in HOME_FILES):
        raise NotFoundError(
            f"no engram-sync home at {home}",
            hint=f"create it with: {state.typed('init')}",
        )
    return home


@asynccontextmanager
async def node_of(state: Options, *, network: bool = False) -> "AsyncGenerator[NodeApi]":
    """The node that runs for the home, else the store opened for the time of one command.

    Args:
        state: Names the home.
        network: Whether a store opened here may dial its peers; it listens to nobody.

    Raises:
        NotFoundError: The home was never initialised.
        DegradedError: Another program holds the home and does not answer.
    """
    from engram_sync.control import serve_control

    home = existing_home(state)
    config = state.config(network_enabled=network, network_listen=(), network_mdns=False)
    # What takes long answers other commands meanwhile.
    services = (serve_control,) if network else ()
    async with attached_or(home, partial(opened, home, config, services)) as node:
        yield node


def opened(
    home: Path,
    config: "Config",
    services: "Sequence[Service]" = (),
    *,
    label: str | None = None,
    running: bool = False,
) -> "AbstractAsyncContextManager[NodeApi]":
    """The store of ``home`` as a Node of this process, created when there is none.

    Args:
        home: Its directory.
        config: Its settings.
        services: What runs beside it.
        label: Its name, should it be created now.
        running: Whether it outlives this command's own calls.
    """
    from engram_sync.node import Node

    return Node.open(home, config=config, services=services, label=label, running=running)


@asynccontextmanager
async def attached_or(
    home: Path, open_store: "Callable[[], AbstractAsyncContextManager[NodeApi]]"
) -> "AsyncGenerator[NodeApi]":
    """The node that runs for ``home``, else what ``open_store`` opens.

    While another command holds the home without serving it, this waits for its end.
    """
    async with AsyncExitStack() as stack:
        yield await _enter_when_free(stack, home, open_store)


async def _enter_when_free(
    stack: AsyncExitStack,
    home: Path,
    open_store: "Callable[[], AbstractAsyncContextManager[NodeApi]]",
) -> "NodeApi":
    import trio

    from engram_sync.control import find_node
    from engram_sync.observe import Logger

    deadline = trio.current_time() + BUSY_SECONDS_MAX
    while True:
        client = await find_node(home)
        if client is not None:
            if client.unstored:
                Logger("node").warning("nothing can be stored", reason=client.unstored)
            return await stack.enter_async_context(client)
        try:
            return await stack.enter_async_context(open_store())
        except HomeInUseError:
            if trio.current_time() > deadline:
                raise
        await trio.sleep(BUSY_POLL_SECONDS)


def lock_holder(home: Path) -> str:
    """Process id of whoever has the home open, or had it when it was killed; else empty."""
    try:
        return (home / LOCK_FILE).read_text().strip()
    except OSError:
        return ""
