"""Power loss at any moment: whatever was acknowledged by then is found again."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from engram_sync.store import Reader, SqliteStore, Transaction
from engram_sync.testing import InlineExecutor

from .crash_vfs import CrashDisk, Loss, Operation
from .rows import add_log, add_scope, append, record


@dataclass
class Story:
    """Records of log 1 and how many operations the disk had seen when each was acknowledged."""

    acknowledged: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def promised(self, position: int) -> int:
        """The last record that must be there after a crash at ``position``."""
        return max((seq for at, seq in self.acknowledged if at <= position), default=0)


async def live(path: Path, disk: CrashDisk, commits: int) -> Story:
    """Create a store, commit some records one by one, close it."""
    story = Story()
    store = await SqliteStore.open(path, executor=InlineExecutor(), vfs=disk.name)
    async with trio.open_nursery() as nursery:
        await nursery.start(store.serve)
        await store.submit(lambda tx: add_log(tx, add_scope(tx)))
        for seq in range(1, commits + 1):

            def job(tx: Transaction, seq: int = seq) -> None:
                append(tx, 1, record(seq, bytes([seq]) * 16, payload=bytes([seq]) * 700))
                tx.index(seq, "title", f"content {seq}", "")

            await store.submit(job)
            story.acknowledged.append((disk.position, seq))
        await store.aclose()
    return story


async def found_in(directory: Path) -> list[int]:
    """The records in a store after a crash; each must be whole, and so must the index."""
    # On a disk of its own kind only because that one skips the real syncs.
    with CrashDisk(directory) as disk:
        path = directory / "store.db"
        store = await SqliteStore.open(path, executor=InlineExecutor(), vfs=disk.name)
        try:
            return await store.read(check)
        finally:
            await store.aclose()


def check(reader: Reader) -> list[int]:
    logs = reader.logs()
    if not logs:
        return []
    records = reader.records(1, 1, 1000)
    seqs = [found.seq for found in records]
    assert [found.payload for found in records] == [bytes([seq]) * 700 for seq in seqs]
    assert [run.last for run in reader.runs(1, 0, 1000)] == seqs
    assert sorted(n for n, _ in reader.search(["content"], limit=1000)) == seqs
    assert logs[0].seq == len(seqs)
    return seqs


@pytest.mark.slow
async def test_at_every_operation_the_reopened_store_holds_what_was_acknowledged(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with CrashDisk(home) as disk:
        story = await live(home / "store.db", disk, commits=3)
        seen = dict.fromkeys(Loss, 0)
        for crash in disk.crashes(seed=1):
            image = crash.write_to(tmp_path / "image")
            seqs = await found_in(image)
            shutil.rmtree(image)
            # Whole commits, in order; all that were acknowledged, perhaps the one under way.
            assert seqs == list(range(1, len(seqs) + 1)), crash.position
            promised = story.promised(crash.position)
            assert len(seqs) in {promised, promised + 1}, (crash.position, crash.loss)
            seen[crash.loss] += 1
    assert min(seen.values()) > 10


@pytest.mark.slow
async def test_losing_power_twice_loses_no_more_than_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with CrashDisk(home) as disk:
        story = await live(home / "store.db", disk, commits=2)
        position, _ = story.acknowledged[1]
        first = [*disk.crashes(seed=2, start=position, stop=position)]
    assert [crash.loss for crash in first] == [Loss.ALL, Loss.LOST, Loss.TORN]
    for number, crash in enumerate(first):
        again = crash.write_to(tmp_path / f"again-{number}")
        with CrashDisk(again) as disk:
            store = await SqliteStore.open(
                again / "store.db", executor=InlineExecutor(), vfs=disk.name
            )
            await store.aclose()
            for second in disk.crashes(seed=3):
                image = second.write_to(tmp_path / "image")
                assert await found_in(image) == [1, 2]
                shutil.rmtree(image)


async def test_the_machinery_notices_a_disk_that_does_not_sync(tmp_path: Path) -> None:
    """Were this to pass silently, the tests above would prove nothing."""
    home = tmp_path / "home"
    home.mkdir()
    with CrashDisk(home) as disk:
        disk.lie()
        story = await live(home / "store.db", disk, commits=2)
        position, _ = story.acknowledged[0]
        lost = 0
        for crash in disk.crashes(seed=4, start=position, stop=position):
            if crash.loss is Loss.LOST:
                image = crash.write_to(tmp_path / "image")
                lost += await found_in(image) == []
    assert lost == 1


def crashes_of(
    directory: Path, operations: list[Operation], *, torn: int = 0, before: bytes = b""
) -> Iterator[tuple[int, Loss, dict[str, bytes]]]:
    directory.mkdir()
    (directory / "f").write_bytes(before)
    with CrashDisk(directory) as disk:
        disk.operations.extend(operations)
        for crash in disk.crashes(seed=5, torn=torn):
            yield crash.position, crash.loss, crash.files


def test_unsynced_writes_are_lost_and_synced_ones_are_not(tmp_path: Path) -> None:
    operations = [
        Operation("write", "f", 1, b"xy"),
        Operation("sync", "f"),
        Operation("truncate", "f", 2),
        Operation("write", "f", 4, b"z"),
    ]
    images = list(crashes_of(tmp_path / "home", operations, before=b"abc"))
    assert [(at, files["f"]) for at, loss, files in images if loss is Loss.ALL] == [
        (0, b"abc"),
        (2, b"axy"),
        (3, b"ax"),
        (4, b"ax\0\0z"),
    ]
    assert [(at, files["f"]) for at, loss, files in images if loss is Loss.LOST] == [
        (1, b"abc"),
        (4, b"axy"),
    ]


def test_files_come_and_go_with_the_directory(tmp_path: Path) -> None:
    operations = [
        Operation("create", "new"),
        Operation("write", "new", 0, b"n"),
        Operation("sync", "new"),
        Operation("delete", "f"),
        Operation("sync-directory", ""),
    ]
    images = list(crashes_of(tmp_path / "home", operations, before=b"f"))
    lost = [(at, files) for at, loss, files in images if loss is Loss.LOST]
    assert lost == [(4, {"f": b"f"}), (5, {"new": b"n"})]
    assert images[-1][2] == {"new": b"n"}


def test_a_torn_image_mixes_versions_of_each_sector(tmp_path: Path) -> None:
    sectors = 64
    operations = [
        Operation("write", "f", 0, b"1" * 512 * sectors),
        Operation("write", "f", 0, b"2" * 512 * sectors),
    ]
    images = list(crashes_of(tmp_path / "home", operations, torn=1, before=b"0" * 512 * sectors))
    torn = [files["f"] for at, loss, files in images if loss is Loss.TORN and at == 2]
    parts = [torn[0][start : start + 512] for start in range(0, 512 * sectors, 512)]
    assert set(parts) == {b"0" * 512, b"1" * 512, b"2" * 512}
