"""Opening a connection: the file, its permissions and the settings that durability rests on."""

import os
from contextlib import suppress
from pathlib import Path

from engram_sync.errors import DegradedError, DeniedError

from ._database import CREATE, READ_WRITE, URI, Database, connect
from ._faults import not_a_store_error
from ._limits import BUSY_TIMEOUT_MS, CACHE_KIB, CHECKPOINT_PAGES
from ._schema import check, migrate


def create_private_file(path: Path) -> None:
    """Create ``path`` (0600) and its directories (0700) unless they exist; all of it durable.

    Raises:
        DeniedError: The directory or the file may not be created or opened.
        CorruptError: ``path`` is something other than a file.
    """
    try:
        _create_directory(path.parent)
        created = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.close(descriptor)
        if created:
            sync_directory(path.parent)
        else:
            with suppress(OSError):  # A file system without permissions has none to tighten.
                path.chmod(0o600)
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise not_a_store_error(str(path)) from error
    except PermissionError as error:
        raise DeniedError(
            f"{path} cannot be opened for reading and writing: {error.strerror}",
            hint="check the owner and the permissions of the file and of its directory",
        ) from error
    except OSError as error:
        raise DegradedError(f"{path} cannot be created: {error.strerror}") from error


def _create_directory(directory: Path) -> None:
    """Create missing directories, each durable in its parent before it is used."""
    if directory.is_dir():
        return
    _create_directory(directory.parent)
    directory.mkdir(mode=0o700, exist_ok=True)
    sync_directory(directory.parent)


def sync_directory(directory: Path) -> None:
    """Make the entries of ``directory`` durable, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _configure(connection: Database) -> None:
    """Settings that every connection needs and that the file does not remember."""
    connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    # FULL syncs the log at every commit.  NORMAL was measured to lose acknowledged commits in two
    # of three power-loss images, and it is not faster for commits of a thousand rows.
    connection.execute("PRAGMA synchronous = FULL")
    # On macOS fsync leaves the data in the disk's own cache, where power loss takes it; elsewhere
    # neither setting does anything.
    connection.execute("PRAGMA fullfsync = ON").fetchall()
    connection.execute("PRAGMA checkpoint_fullfsync = ON").fetchall()
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    connection.execute("PRAGMA temp_store = MEMORY")
    # What is deleted or replaced becomes zeros in its page, so that an erased payload and every
    # document that was derived from it are gone with the next checkpoint.
    connection.execute("PRAGMA secure_delete = ON").fetchall()
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")


def open_file(path: Path, *, vfs: str | None = None) -> Database:
    """A connection that may write, to a store of the newest schema; created when absent.

    Raises:
        apsw.Error: The file system refused, or the file is not a database.
        LocalError: It is not ours, is newer than this program, or may not be opened.
    """
    create_private_file(path)
    connection = connect(str(path), flags=READ_WRITE | CREATE, vfs=vfs)
    try:
        _configure(connection)
        # Before the first statement that writes: a file of somebody else's stays untouched.
        check(connection, str(path))
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        migrate(connection, str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def open_file_for_reading(path: Path, *, vfs: str | None = None) -> Database:
    """A second connection to an open store; it sees each commit whole and never waits for one."""
    connection = connect(str(path), flags=READ_WRITE, vfs=vfs)
    _configure(connection)
    connection.execute("PRAGMA query_only = ON")
    return connection


def open_memory(name: str) -> Database:
    """A connection to the in-memory database ``name`` of this process.

    The database lives as long as any connection to it.
    """
    connection = _connect_memory(name)
    migrate(connection, name)
    return connection


def copy_memory(source: Database, to: str) -> Database:
    """Make the in-memory database ``to`` hold what ``source`` does; returns a connection to it."""
    target = _connect_memory(to)
    with target.backup("main", source, "main") as backup:
        backup.step()
    return target


def _connect_memory(name: str) -> Database:
    connection = connect(f"file:/{name}?vfs=memdb", flags=READ_WRITE | CREATE | URI)
    _configure(connection)
    return connection
