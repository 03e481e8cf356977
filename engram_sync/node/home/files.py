"""The files of a node: where they are, who may read them, and the witness of continuity."""

import base64
import binascii
import contextlib
import errno
import os
import stat
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from nacl.bindings import crypto_sign_seed_keypair

from engram_sync.config import require_private, resolve_runtime
from engram_sync.errors import CorruptError, DegradedError, DeniedError, LocalError
from engram_sync.host import Entropy
from engram_sync.model.ids import node_text

_KEY_PREFIX = "engram-key-1 "
_SEED_BYTES = 32


@dataclass(frozen=True, slots=True)
class NodeKey:
    """The Ed25519 key pair that is the node's identity."""

    public: bytes
    secret: bytes

    @property
    def node_id(self) -> str:
        """Lower-case base32 of the public key, without padding."""
        return node_text(self.public)


@dataclass(frozen=True, slots=True)
class Home:
    """One node's directory.

    ``store.db node.key lock control.json config.toml logs/``; directories 0700, files 0600.
    """

    path: Path

    @property
    def store(self) -> Path:
        """The SQLite file with everything the node knows."""
        return self.path / "store.db"

    @property
    def new_store(self) -> Path:
        """A store in the making, which takes the place of ``store`` when it is complete."""
        return self.path / "store.new.db"

    @property
    def old_store(self) -> Path:
        """The store that a migration has moved aside; nothing reads it any more."""
        return self.path / "store-1.db"

    @property
    def key(self) -> Path:
        """The secret key."""
        return self.path / "node.key"

    @property
    def lock(self) -> Path:
        """Held by the one process that has the store open."""
        return self.path / "lock"

    def create(self) -> None:
        """Make the directory, readable by its owner only.

        Raises:
            DeniedError: The directory cannot be made or entered, or others may write to it.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            require_private(self.path)
        except FileExistsError as error:
            raise DeniedError(
                f"{self.path} is a file, not a directory", hint="choose another --home"
            ) from error
        except OSError as error:
            raise DeniedError(
                f"cannot create {self.path}: {error.strerror}",
                hint="choose another --home, or give yourself write permission",
            ) from error

    def load_key(self) -> NodeKey | None:
        """Read the key; None when there is none yet.

        Raises:
            CorruptError: The file is not a key of ours.
            DeniedError: The file may not be read.
        """
        try:
            text = self.key.read_text("ascii").strip()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise self._bad_key() from error
        except OSError as error:
            raise DeniedError(
                f"cannot read {self.key}: {error.strerror}",
                hint="run as the user that owns the home",
            ) from error
        if not text.startswith(_KEY_PREFIX):
            raise self._bad_key()
        try:
            seed = base64.b64decode(text.removeprefix(_KEY_PREFIX), validate=True)
        except binascii.Error as error:
            raise self._bad_key() from error
        if len(seed) != _SEED_BYTES:
            raise self._bad_key()
        return _pair(seed)

    def create_key(self, entropy: Entropy) -> NodeKey:
        """Draw a key and write it, durable before anything is signed with it."""
        seed = entropy(_SEED_BYTES)
        line = _KEY_PREFIX + base64.b64encode(seed).decode() + "\n"
        write_private(self.key, line.encode("ascii"))
        return _pair(seed)

    def _bad_key(self) -> CorruptError:
        return CorruptError(
            f"{self.key} is not a node key",
            hint="restore it from a backup; without it this home cannot sign as the same node",
        )


def _pair(seed: bytes) -> NodeKey:
    public, secret = crypto_sign_seed_keypair(seed)
    return NodeKey(public=public, secret=secret)


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all.

    Raises:
        DegradedError: The disk is full.
        DeniedError: The file cannot be written.
    """
    temporary = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DegradedError(
                f"the disk of {path} is full", hint="free some space and try again"
            ) from error
        raise DeniedError(
            f"cannot write {path}: {error.strerror}", hint="check its owner and its permissions"
        ) from error


def runtime_directory() -> Path:
    """Where the witness lives: outside the home."""
    return resolve_runtime(os.environ)


def runtime_problem() -> str:
    """Why no witness can be left there, in words; empty when one can."""
    directory = runtime_directory()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = _is_private(directory)
    except OSError as error:
        return f"{directory} cannot be used: {error.strerror}"
    return "" if private else f"{directory} is not a directory that only this user can write to"


def boot_id() -> str:
    """A value that differs after a reboot.

    Where the system offers none, the time of boot to the minute: a clock adjustment then looks
    like a reboot, which costs a new incarnation and never a fork.
    """
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"boot-{round((time.time() - time.monotonic()) / 60)}"


class WitnessFile:
    """The proof, outside the home, that the store is the one this node closed last.

    It exists only while the store is cleanly closed: opening takes it away, so a crash, a copy of
    the home or a restored backup finds none (or one that does not match) and the node starts new
    incarnations of its logs.
    """

    def __init__(self, directory: Path, store_id: bytes) -> None:
        self._path = directory / f"witness-{store_id.hex()}"

    def take(self) -> bytes | None:
        """Read and remove the witness."""
        try:
            if not _is_private(self._path.parent):
                return None
            data = self._path.read_bytes()
            self._path.unlink()
        except OSError:
            # Absent or unreadable: continuity is not proven, which is always safe.
            return None
        return data

    def leave(self, data: bytes) -> None:
        """Write the witness; failing to only costs a new incarnation."""
        with contextlib.suppress(OSError, LocalError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not _is_private(self._path.parent):
                return
            write_private(self._path, data)


def _is_private(directory: Path) -> bool:
    """Whether only we can write there; in a shared temporary directory others came first."""
    if sys.platform == "win32":
        return True
    found = directory.lstat()  # Where all may write, a link may lead into what is ours.
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022
