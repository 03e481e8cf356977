"""Counted work: what an operation costs, the same on every machine and at every load.

Three counts, since each is blind to what another one sees: steps of SQLite's virtual machine, calls
of functions, and bytes that were allocated at once.
"""

import gc
import sys
import tracemalloc
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import apsw


@dataclass
class Work:
    """What one operation cost."""

    rows: int = 0
    """Steps of SQLite's virtual machine: about ten for each row looked at."""
    calls: int = 0
    bytes: int = 0
    """The most that was held on top of what was held before."""


class Meter:
    """Counts the work of what runs while it is asked to.

    Only connections that are opened ``within`` it are counted.
    """

    def __init__(self) -> None:
        self._steps = 0
        self._calls = 0

    @contextmanager
    def within(self) -> Generator[None]:
        """Watch the connections that are opened in the block."""
        apsw.connection_hooks.append(self._watch)
        try:
            yield
        finally:
            apsw.connection_hooks.remove(self._watch)

    def _watch(self, connection: apsw.Connection) -> None:
        cast(Any, connection).trace_v2(apsw.SQLITE_TRACE_PROFILE, self._ended)

    def _ended(self, event: dict[str, Any]) -> None:
        self._steps += event["stmt_status"]["SQLITE_STMTSTATUS_VM_STEP"]

    def _called(self, _frame: object, event: str, _argument: object) -> None:
        self._calls += event in {"call", "c_call"}

    @contextmanager
    def measure(self) -> Generator[Work]:
        """Count the work of the block."""
        work = Work()
        gc.collect()
        traced = tracemalloc.is_tracing()
        if not traced:
            tracemalloc.start()
        self._steps = self._calls = 0
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        profiled = sys.getprofile()
        sys.setprofile(self._called)
        try:
            yield work
        finally:
            sys.setprofile(profiled)
            work.bytes = tracemalloc.get_traced_memory()[1] - before
            work.rows, work.calls = self._steps, self._calls
            if not traced:
                tracemalloc.stop()
