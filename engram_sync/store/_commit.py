"""One commit: several jobs, each in a savepoint, made durable together.  No event loop here."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass

import apsw

from engram_sync.errors import LocalError

from ._database import Database
from ._faults import local_error, local_errors, lost_error
from ._presence import Confirm, always_there
from ._rows import Size
from ._sql_transaction import RollbackBrokenError, SqlTransaction
from ._statements import Shapes, Statements
from ._upkeep import compact, purge

Job = Callable[[SqlTransaction], object]


@dataclass(frozen=True, slots=True)
class Done:
    """The job's result; it is durable."""

    value: object


@dataclass(frozen=True, slots=True)
class Failed:
    """Why nothing of the job is stored."""

    error: BaseException


Outcome = Done | Failed


class _LostError(Exception):
    """The database gave up the transaction that all jobs of the batch shared."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(error)
        self.error = error


class Committer:
    """Runs batches of jobs on one connection.

    Args:
        connection: A connection that nothing else writes through.
        place: What errors call the store.
        confirm: Raises when the store's files are no longer in their place.
    """

    def __init__(self, connection: Database, place: str, confirm: Confirm = always_there) -> None:
        self._connection = connection
        self._place = place
        self.confirm = confirm
        self._shapes = Shapes()

    def commit(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Run ``jobs`` in one transaction and commit what succeeded.

        Returns:
            One outcome per job, in order.

        Raises:
            RollbackBrokenError: A rollback callback raised; nothing of this batch is stored unless
                the commit had succeeded.
        """
        try:
            self.confirm()
            self._connection.execute("BEGIN IMMEDIATE")
        except (apsw.Error, LocalError) as error:
            return self._all_failed(len(jobs), error)
        begun: list[SqlTransaction] = []
        try:
            outcomes = [self._run(job, begun) for job in jobs]
            self._connection.execute("COMMIT")
        except _LostError as lost:
            self._roll_back(begun)
            return self._all_failed(len(jobs), lost.error)
        except apsw.Error as error:
            self._roll_back(begun)
            return self._all_failed(len(jobs), error)
        except BaseException:
            self._roll_back(begun)
            raise
        return outcomes

    def purge(self) -> None:
        """Remove from the files what erased payloads, and the index of their words, left there.

        Raises:
            LocalError: It could not be finished.
        """
        with local_errors(self._place):
            purge(self._connection, self._place)

    def compact(self) -> Size:
        """Rewrite the whole store without its free pages; the size before.

        Raises:
            LocalError: It was not done.
        """
        with local_errors(self._place):
            return compact(self._connection)

    def _run(self, job: Job, begun: list[SqlTransaction]) -> Outcome:
        """Run one job in a savepoint.

        Raises:
            _LostError: It took the whole transaction down, not only itself.
        """
        transaction = SqlTransaction(Statements(self._connection, self._shapes))
        begun.append(transaction)
        try:
            with transaction.savepoint():
                value = job(transaction)
        except RollbackBrokenError:
            raise
        except BaseException as error:
            if not self._connection.in_transaction:
                raise _LostError(error) from error
            if isinstance(error, apsw.Error):
                return Failed(local_error(error, self._place))
            return Failed(error)
        finally:
            transaction.end()
        return Done(value)

    def _roll_back(self, begun: Sequence[SqlTransaction]) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        for transaction in reversed(begun):
            transaction.undo()

    def _all_failed(self, count: int, error: BaseException) -> list[Outcome]:
        # One error object each: every submitter adds its own traceback.
        if isinstance(error, apsw.Error):
            return [Failed(local_error(error, self._place)) for _ in range(count)]
        if isinstance(error, LocalError):
            return [Failed(copy(error)) for _ in range(count)]
        return [Failed(lost_error()) for _ in range(count)]
