"""What nodes log while a run goes on: part of the trace, and the place where crashes hide."""

import logging
from collections.abc import Generator
from contextlib import contextmanager

from engram_simulations._trace import Trace
from engram_sync.errors import EngramError

ROOT = "engram_sync"


class UnexpectedError(Exception):
    """A node met a defect of its own, logged it and went on."""


class _LogReader(logging.Handler):
    """Writes what nodes log into the trace, and keeps what nobody expected."""

    def __init__(self, trace: Trace, unexpected: list[BaseException]) -> None:
        super().__init__(logging.WARNING)
        self._trace = trace
        self._unexpected = unexpected

    def emit(self, record: logging.LogRecord) -> None:
        """Take one message."""
        self._trace.event("", f"log: {record.getMessage()}")
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, EngramError):
            self._unexpected.append(error)


@contextmanager
def reading_logs(trace: Trace, unexpected: list[BaseException]) -> Generator[None]:
    """Read along for the time of the block.

    A node keeps a defect that a peer can reach to that peer's connection and logs it, so that its
    other work goes on.  Here such a defect is a crash like any other.

    Args:
        trace: Gets every warning and error.
        unexpected: Gets the exceptions behind them that are not ours on purpose.
    """
    reader = _LogReader(trace, unexpected)
    logger = logging.getLogger(ROOT)
    logger.addHandler(reader)
    try:
        yield
    finally:
        logger.removeHandler(reader)
