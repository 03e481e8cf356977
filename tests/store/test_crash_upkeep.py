"""Power loss while the store is brought forward, purged or rewritten: nothing is lost by it."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trio

from engram_sync.store import SCHEMA_VERSION, SqliteStore
from engram_sync.store._database import READ_WRITE, connect
from engram_sync.testing import InlineExecutor

from .crash_vfs import CrashDisk, Loss
from .test_purge import SECRET, content, forget, remember


async def opened(path: Path, disk: CrashDisk) -> SqliteStore:
    return await SqliteStore.open(path, executor=InlineExecutor(), vfs=disk.name)


def version_in(image: Path) -> int:
    """Schema of the store there, as another program would see it, recovery included."""
    connection = connect(str(image / "store.db"), flags=READ_WRITE)
    version = int(connection.pragma("user_version"))
    connection.close()
    return version


@pytest.mark.slow
async def test_a_migration_that_loses_power_is_done_or_not_begun(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with CrashDisk(home) as disk:
        store = await opened(home / "store.db", disk)
        whole = await store.read(content)
        await store.aclose()
        versions: set[int] = set()
        for crash in disk.crashes(seed=6):
            image = crash.write_to(tmp_path / "image")
            copy = shutil.copytree(image, tmp_path / "copy")
            versions.add(version_in(copy))
            shutil.rmtree(copy)
            with CrashDisk(image) as again:
                store = await opened(image / "store.db", again)
                assert await store.read(content) == whole, crash.position
                await store.aclose()
            shutil.rmtree(image)
    assert versions == {0, SCHEMA_VERSION}


async def story(home: Path, work: Callable[[SqliteStore], Awaitable[object]]) -> CrashDisk:
    """A disk that saw ``work`` done, and nothing else, to a store with an erased payload."""
    store = await SqliteStore.open(home / "store.db", executor=InlineExecutor())
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        await store.submit(remember)
        await store.submit(forget)
        await store.aclose()
    disk = CrashDisk(home)
    store = await opened(home / "store.db", disk)
    await work(store)
    return disk


@pytest.mark.slow
@pytest.mark.parametrize("work", [SqliteStore.compact, SqliteStore.purge])
async def test_a_rewrite_that_loses_power_loses_nothing_and_can_be_repeated(
    tmp_path: Path, work: Callable[[SqliteStore], Awaitable[object]]
) -> None:
    disk = await story(tmp_path / "home", work)
    with disk:
        images = 0
        whole: object = None
        for crash in disk.crashes(seed=7):
            image = crash.write_to(tmp_path / "image")
            with CrashDisk(image) as again:
                store = await opened(image / "store.db", again)
                whole = whole or await store.read(content)
                assert await store.read(content) == whole, (crash.position, crash.loss)
                await store.purge()
                await store.aclose()
            files = [path for path in image.iterdir() if SECRET in path.read_bytes()]
            assert files == [], (crash.position, crash.loss)
            shutil.rmtree(image)
            images += 1
    assert images > 3 * len(Loss)
