"""A store of each kind, running."""

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from engram_sync.host import Executor
from engram_sync.store import MemoryStore, SqliteStore, Store, ThreadExecutor, Writer
from engram_sync.store._commit import Committer
from engram_sync.store._connection import open_memory
from engram_sync.store._database import Database
from engram_sync.testing import InlineExecutor

from .writing import GatedExecutor

_names = itertools.count(1)


@pytest.fixture(params=["inline", "thread"])
def executor(request: pytest.FixtureRequest) -> Executor:
    return InlineExecutor() if request.param == "inline" else ThreadExecutor()


@pytest.fixture(params=["sqlite", "memory"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, executor: Executor, nursery: trio.Nursery
) -> AsyncIterator[Store]:
    name = f"test-{next(_names)}"
    opened: Store
    if request.param == "sqlite":
        opened = await SqliteStore.open(tmp_path / "home" / "store.db", executor=executor)
    else:
        opened = await MemoryStore.open(name, executor)
    await nursery.start(opened.serve)
    yield opened
    await opened.aclose()
    MemoryStore.discard(name)


@pytest.fixture
def gated() -> GatedExecutor:
    return GatedExecutor()


@pytest.fixture
def connection() -> Database:
    return open_memory(f"writer-{next(_names)}")


@pytest.fixture
async def writer(connection: Database, gated: GatedExecutor) -> AsyncIterator[Writer]:
    """Not serving yet; its queue takes a weight of 8, its commits 4."""
    writer = Writer(Committer(connection, "test"), gated, queue_weight_max=8, commit_weight_max=4)
    yield writer
    gated.gate.set()
    await writer.aclose(drain=False)
