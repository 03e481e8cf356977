"""What the database reports, in the words of this package."""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import apsw

from engram_sync.errors import (
    CorruptError,
    DegradedError,
    DeniedError,
    LocalError,
    PreconditionError,
)

FULL_BYTES = 1 << 20
"""Less is a full disk: a commit and what SQLite keeps beside it take about that much."""


def closed_error() -> DegradedError:
    """The error of every use after the store, or the transaction, has ended."""
    return DegradedError("the store is closed", hint="open the node again")


def dropped_error() -> DegradedError:
    """The error of a job that was waiting when the store closed without draining."""
    return DegradedError(
        "the write was dropped because the store was closing; nothing of it was stored",
        hint="open the node again and repeat it",
    )


def lost_error() -> DegradedError:
    """The error of every use after the database gave up the whole transaction."""
    return DegradedError(
        "the transaction was rolled back after an error; nothing of it was stored",
        hint="check the disk and repeat the write",
    )


def gone_error(place: str) -> DegradedError:
    """The error of every write once a file of the store is no longer the one that was opened."""
    return DegradedError(
        f"{place} was removed, moved or replaced while it was open; nothing is stored any more",
        hint="put the file back, or stop the node, restore a backup and start it again",
    )


def held_error(place: str) -> DegradedError:
    """The error of a purge that another reader's old snapshot keeps from finishing."""
    return DegradedError(
        f"{place} is being read by another program, which keeps erased bytes in its log",
        hint="close the other program; the purge is repeated with the next one",
    )


def not_a_store_error(place: str) -> CorruptError:
    """The error of a file that something else wrote."""
    return CorruptError(
        f"{place} is not an engram-sync store", hint="choose another home; the file was not changed"
    )


class OlderFormatError(PreconditionError):
    """The records of a store are of a form that is not valid any more: it has to be migrated."""


def older_schema_error(place: str, version: int) -> OlderFormatError:
    """The error of a store whose records are of a form that is not valid any more."""
    return OlderFormatError(
        f"{place} was written before the format of records was settled (schema {version})",
        hint="open its home with `engram-sync status`, which writes what it holds into a new "
        "store; the file was not changed",
    )


def newer_schema_error(place: str, version: int, version_max: int) -> PreconditionError:
    """The error of a store that a later release wrote."""
    return PreconditionError(
        f"{place} was written by a newer version "
        f"(schema {version}, this program reads up to {version_max})",
        hint="upgrade engram-sync; the file was not changed",
    )


def local_error(error: apsw.Error, place: str) -> LocalError:
    """The typed error for ``error``, which came from the store at ``place``."""
    if isinstance(error, apsw.NotADBError):
        return not_a_store_error(place)
    if isinstance(error, apsw.CorruptError):
        return CorruptError(
            f"{place} is damaged: {error}",
            hint="restore a backup, or move the file away, init again and join with a new invite",
        )
    if isinstance(error, apsw.FullError) or (isinstance(error, apsw.IOError) and _is_full(place)):
        return DegradedError(
            f"the disk of {place} is full; the write was undone",
            hint="free some space and repeat it; everything acknowledged is still there",
        )
    if isinstance(
        error, (apsw.CantOpenError, apsw.PermissionsError, apsw.ReadOnlyError, apsw.AuthError)
    ):
        return DeniedError(
            f"{place} cannot be opened for reading and writing: {error}",
            hint="check the owner and the permissions of the file and of its directory",
        )
    if isinstance(error, apsw.SQLError) and str(error).startswith("no such "):
        return PreconditionError(
            f"{place} has not the tables that this version writes ({error})",
            hint="open it with the version that wrote it; the file was not changed",
        )
    if isinstance(error, (apsw.BusyError, apsw.LockedError)):
        return DegradedError(
            f"{place} is in use by another program", hint="close the other program and try again"
        )
    if isinstance(error, apsw.ConstraintError):
        return PreconditionError(f"the write contradicts what {place} holds: {error}")
    if isinstance(error, apsw.ConnectionClosedError):
        return closed_error()
    return DegradedError(
        f"{place} could not be read or written: {error}; the write was undone",
        hint="check the disk; everything acknowledged is still there",
    )


def _is_full(place: str) -> bool:
    """Whether the disk of the store has no room, which SQLite does not always call by its name."""
    try:
        return shutil.disk_usage(Path(place).parent).free < FULL_BYTES
    except OSError:
        return False


@contextmanager
def local_errors(place: str) -> Generator[None]:
    """Turn every database error in the block into a ``LocalError`` about ``place``."""
    try:
        yield
    except apsw.Error as error:
        raise local_error(error, place) from error
