"""What tests of the writer submit, and through what."""

from collections.abc import Callable
from typing import TypeVar

import trio

from engram_sync.errors import DegradedError
from engram_sync.store import Transaction, Writer
from engram_sync.store._database import Database

T = TypeVar("T")


class GatedExecutor:
    """Runs work in place, once its gate is open, and counts."""

    def __init__(self) -> None:
        self.gate = trio.Event()
        self.runs = 0

    async def run(self, work: Callable[[], T]) -> T:
        self.runs += 1
        await self.gate.wait()
        return work()


def keys(connection: Database) -> list[str]:
    """What is committed."""
    return [row[0] for row in connection.execute("SELECT key FROM meta ORDER BY key").fetchall()]


def put(key: str) -> Callable[[Transaction], None]:
    return lambda tx: tx.put_meta(key, b"value")


class Results:
    """What became of many submitted jobs."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.ran: list[str] = []
        """In the order in which the writer ran them."""
        self.done: list[str] = []
        """In the order in which their submitters were resumed, which is the scheduler's."""
        self.errors: dict[str, DegradedError] = {}

    async def submit(self, key: str, weight: int = 1) -> None:
        def job(tx: Transaction) -> None:
            self.ran.append(key)
            tx.put_meta(key, b"value")

        try:
            await self.writer.submit(job, weight=weight)
        except DegradedError as error:
            self.errors[key] = error
        else:
            self.done.append(key)
