"""Claims about whose log is whose."""

from typing import cast

import pytest

from engram_sync.errors import CorruptError
from engram_sync.memory.state import LogDirectory
from engram_sync.store import LogRow, Reader

ROW = LogRow(1, b"l" * 32, 1, 0, b"a" * 32, b"i" * 16, 1, b"h" * 32, 1)


class LogsOnly:
    """A reader that knows one log."""

    def log(self, n: int) -> LogRow | None:
        return ROW if ROW.n == n else None

    def log_by_id(self, log: bytes) -> LogRow | None:
        return ROW if ROW.id == log else None


def test_a_log_that_is_stored_is_found_though_it_was_forgotten() -> None:
    """As when a write is rolled back."""
    logs = LogDirectory()
    reader = cast(Reader, LogsOnly())
    assert logs.log_id(reader, 1) == ROW.id
    logs.forget()
    assert logs.author(reader, ROW.id) == ROW.author
    logs.forget()
    assert logs.log_number(reader, ROW.id) == 1


def test_a_log_that_is_not_stored_is_a_damaged_store() -> None:
    logs = LogDirectory()
    reader = cast(Reader, LogsOnly())
    with pytest.raises(CorruptError, match="log 2"):
        logs.log_id(reader, 2)
    with pytest.raises(CorruptError, match="7878"):
        logs.author(reader, b"x" * 32)
