"""SQL over one connection, for as long as the job that uses it runs."""

from collections.abc import Iterable, Sequence
from typing import Any

from ._database import Database, Row
from ._faults import closed_error, lost_error


class Shapes:
    """Which number stands for which record shape, as far as this connection has met them."""

    def __init__(self) -> None:
        self.by_bytes: dict[bytes, int] = {}
        self.by_number: dict[int, bytes] = {}

    def forget(self) -> None:
        """Start again from the table: what was added since may have been rolled back."""
        self.by_bytes.clear()
        self.by_number.clear()


class Statements:
    """A connection that can be taken away from whoever kept a reference to it."""

    def __init__(self, connection: Database, shapes: Shapes) -> None:
        self._connection: Database | None = connection
        self.shapes = shapes

    @property
    def connection(self) -> Database:
        """The connection.

        Raises:
            DegradedError: The job has ended, or its transaction has.
        """
        if self._connection is None:
            raise closed_error()
        if not self._connection.in_transaction:
            # A full disk made the database roll back by itself.  What a job that swallowed that
            # error did next would be committed at once and on its own.
            raise lost_error()
        return self._connection

    @property
    def in_transaction(self) -> bool:
        """Whether what was done so far can still be committed or rolled back."""
        return self._connection is not None and self._connection.in_transaction

    def end(self) -> None:
        """Refuse every further use."""
        self._connection = None

    def run(self, sql: str, bindings: Sequence[Any] = ()) -> None:
        """Execute ``sql`` to its end."""
        self.connection.execute(sql, bindings)

    def many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute ``sql`` once for each of ``rows``."""
        self.connection.executemany(sql, rows)

    def all(self, sql: str, bindings: Sequence[Any] = ()) -> list[Row]:
        """Every row."""
        return self.connection.execute(sql, bindings).fetchall()

    def one(self, sql: str, bindings: Sequence[Any] = ()) -> Row | None:
        """The first row, or None."""
        return self.connection.execute(sql, bindings).fetchone()

    def number(self, sql: str, bindings: Sequence[Any] = ()) -> int:
        """The integer that ``sql`` yields; it must yield one."""
        row = self.one(sql, bindings)
        assert row is not None
        return int(row[0])
