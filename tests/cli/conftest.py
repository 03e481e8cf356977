import contextlib
import threading
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from queue import Queue

import pytest
import trio

from engram_sync.control import serve_control
from tests.control.fake_node import FakeNode


@pytest.fixture
def running_fake(tmp_path: Path) -> Generator[FakeNode]:
    """A fake node that runs for ``tmp_path``, as a daemon in another process would."""
    (tmp_path / "store.db").touch()
    node = FakeNode(tmp_path)
    started: Queue[Callable[[], None]] = Queue()

    async def serve() -> None:
        node.release.set()
        async with trio.open_nursery() as nursery:
            token = trio.lowlevel.current_trio_token()
            stop = nursery.cancel_scope.cancel
            await nursery.start(partial(serve_control, node, on_stop=stop))
            started.put(lambda: token.run_sync_soon(stop))

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    stop = started.get(timeout=10)
    yield node
    with contextlib.suppress(trio.RunFinishedError):  # A test may have stopped it.
        stop()
    thread.join(timeout=10)
    assert not thread.is_alive()
