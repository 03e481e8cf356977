"""Where the control connection of a home is: ``control.json`` and the socket it names.

The file says which process serves the home and holds the token that unlocks it; it is readable
by its owner only, replaced atomically and removed at exit.  A process that was killed leaves it
behind: nothing then listens at the endpoint, which is how the next program knows.  A copy of a home
has it too, and the process that it names serves another directory: the file says which one.
"""

import hashlib
import os
import secrets
import socket
import stat
import sys
from pathlib import Path
from typing import Literal

import msgspec
import trio

from engram_sync.config import require_private, resolve_runtime
from engram_sync.errors import CorruptError, DeniedError, EngramError, LocalError

from ._limits import UNIX_PATH_BYTES_MAX

ENDPOINT_FILE = "control.json"
SOCKET_FILE = "control.sock"
TOKEN_BYTES = 32
LOOPBACK = "127.0.0.1"
BACKLOG = 64


class Endpoint(msgspec.Struct, frozen=True):
    """The contents of ``control.json``."""

    v: Literal[1]
    pid: int
    token: str
    home: str
    """``directory_id`` of the home that is served."""
    unix: str | None = None
    """Path of the Unix socket; absent when the endpoint is TCP."""
    tcp_port: int | None = None
    """Port on the IPv4 loopback address; absent when the endpoint is a Unix socket."""

    async def connect(self) -> trio.abc.Stream:
        """A connection to whoever listens there now.

        Raises:
            OSError: Nobody does.
        """
        if self.unix is not None:
            return await trio.open_unix_socket(self.unix)
        if self.tcp_port is None:
            raise ConnectionRefusedError("control.json names neither a socket nor a port")
        return await trio.open_tcp_stream(LOOPBACK, self.tcp_port)


def directory_id(home: Path) -> str:
    """What tells a directory from every copy of it, by whatever path it is reached."""
    found = home.stat()
    return f"{found.st_dev}:{found.st_ino}"


def read_endpoint(home: Path) -> Endpoint | None:
    """What ``control.json`` in ``home`` says, or None when it is absent or came with a copy.

    Raises:
        DeniedError: The file belongs to somebody else, or anybody could have put it there.
        CorruptError: It holds something that this package never writes.
    """
    path = home / ENDPOINT_FILE
    try:
        data = path.read_bytes()
        require_private(home)
        here = directory_id(home)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise DeniedError(
            f"may not read {path}", hint="run as the user that owns this home, or choose --home"
        ) from error
    try:
        endpoint = msgspec.json.decode(data, type=Endpoint)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise CorruptError(
            f"{path} is not a control file: {error}",
            hint="when no engram-sync runs on this home, delete the file",
        ) from error
    return endpoint if endpoint.home == here else None


class Listening:
    """A bound listener and the file that announces it.  ``close`` takes both away."""

    def __init__(
        self, home: Path, listener: trio.SocketListener, endpoint: Endpoint, unix: Path | None
    ) -> None:
        self.listener = listener
        self.endpoint = endpoint
        self._home = home
        self._unix = unix

    @classmethod
    async def open(cls, home: Path, kind: Literal["unix", "tcp"] | None) -> "Listening":
        """Bind, then announce.  The caller holds the home's lock: older files are stale.

        Args:
            home: Directory of the node.
            kind: ``unix`` or ``tcp``; None takes a Unix socket where the platform and the length
                of the path allow one.

        Raises:
            LocalError: The socket cannot be bound or the file cannot be written.
        """
        token, served = secrets.token_urlsafe(TOKEN_BYTES), directory_id(home)
        path = None if kind == "tcp" else _socket_path(home)
        if path is None and kind == "unix":
            raise LocalError(f"no Unix socket is possible for {home}", hint="use kind='tcp'")
        try:
            if path is not None:
                listener = _listen_unix(path)
                endpoint = Endpoint(1, os.getpid(), token, served, unix=str(path))
            else:
                (listener,) = await trio.open_tcp_listeners(0, host=LOOPBACK)
                port: int = listener.socket.getsockname()[1]
                endpoint = Endpoint(1, os.getpid(), token, served, tcp_port=port)
        except OSError as error:
            raise _cannot_listen(home, error) from error
        listening = cls(home, listener, endpoint, path)
        try:
            _replace_private(home / ENDPOINT_FILE, msgspec.json.encode(endpoint))
        except OSError as error:
            listener.socket.close()
            raise _cannot_listen(home, error) from error
        return listening

    def close(self) -> None:
        """Stop listening and remove what this object created, and only that."""
        self.listener.socket.close()
        if self._unix is not None:
            self._unix.unlink(missing_ok=True)
        try:
            announced = read_endpoint(self._home)
        except EngramError:
            return  # Somebody replaced our file; it is theirs now.
        if announced == self.endpoint:
            (self._home / ENDPOINT_FILE).unlink(missing_ok=True)


def _cannot_listen(home: Path, error: OSError) -> LocalError:
    return LocalError(
        f"cannot serve control for {home}: {error.strerror or error}",
        hint="check the permissions of that directory and the free space",
    )


def _listen_unix(path: Path) -> trio.SocketListener:
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The directory is private already; the mode is for people who change that.
        sock.bind(str(path))
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        sock.listen(BACKLOG)
    except BaseException:
        sock.close()
        raise
    return trio.SocketListener(trio.socket.from_stdlib_socket(sock))


def _socket_path(home: Path) -> Path | None:
    """Where the Unix socket goes, or None when this machine offers no suitable place."""
    if sys.platform == "win32":
        return None
    nearby = home.absolute() / SOCKET_FILE
    if len(os.fsencode(nearby)) <= UNIX_PATH_BYTES_MAX:
        return nearby
    directory = _runtime_directory()
    if directory is None:
        return None
    name = hashlib.blake2b(os.fsencode(home.resolve()), digest_size=8).hexdigest()
    path = directory / f"{name}.sock"
    return path if len(os.fsencode(path)) <= UNIX_PATH_BYTES_MAX else None


def _runtime_directory() -> Path | None:
    """The directory that witnesses lie in too, or None when it is not private.

    It may lie in the temporary directory, where another user may have been first.
    """
    directory = resolve_runtime(os.environ)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = directory.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(facts.st_mode) and not facts.st_mode & 0o077
    return directory if private and facts.st_uid == os.getuid() else None


def _replace_private(path: Path, data: bytes) -> None:
    """Write ``data`` so that readers see all of it or the old file, and other users neither."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
