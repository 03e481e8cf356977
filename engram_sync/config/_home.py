"""Where a node lives when nobody says."""

import os
import shlex
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engram_sync.errors import DeniedError, UsageError

APP_NAME: Final = "engram-sync"
ENV_HOME: Final = "ENGRAM_SYNC_HOME"
ENV_RUNTIME: Final = "ENGRAM_SYNC_RUNTIME_DIR"


def resolve_home(flag: str | Path | None, env: Mapping[str, str]) -> Path:
    """The directory that holds a node's store and key; it need not exist yet.

    Args:
        flag: ``--home``, or None.
        env: The environment; ``ENGRAM_SYNC_HOME`` and, where the platform has it,
            ``XDG_DATA_HOME`` are honoured.

    Returns:
        An absolute path.

    Raises:
        UsageError: It is empty, or it is ``~/.engram``, which other tools own.
    """
    if flag is not None and not str(flag):
        raise UsageError("--home is empty", hint="name a directory, or leave the flag out")
    chosen = flag if flag is not None else env.get(ENV_HOME) or _default_home(env)
    home = Path(chosen).expanduser().absolute()
    taken = Path.home() / ".engram"
    if home == taken or taken in home.parents:
        raise UsageError(
            f"{home} belongs to other tools; engram-sync never writes there",
            hint=f"choose another directory with --home or {ENV_HOME}",
        )
    return home


def require_private(home: Path) -> None:
    """Return if only its owner can put files into a home, or take them away.

    Raises:
        DeniedError: Others can too.
        OSError: It cannot be looked at.
    """
    if sys.platform == "win32":
        return  # Access there is no matter of mode bits.
    mode = home.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise DeniedError(
            f"other users may write to {home} (mode {stat.S_IMODE(mode):04o}), and so replace what"
            " it holds",
            hint=f"chmod 700 {shlex.quote(str(home))}",
        )


def resolve_runtime(env: Mapping[str, str]) -> Path:
    """The directory for what must not travel with a home: the witness, and sockets of long homes.

    It lies outside every home and need not exist yet.  It is the same for a shell, cron and a
    service of one user: they take turns on one home, and who does not find what the other left
    there cannot go on where it stopped.  So neither ``XDG_RUNTIME_DIR`` nor ``TMPDIR`` counts.
    Other users may be there first, so whoever uses it checks that it is private.

    Args:
        env: The environment; only ``ENGRAM_SYNC_RUNTIME_DIR`` is honoured.
    """
    override = env.get(ENV_RUNTIME)
    if override:
        return Path(override)
    if sys.platform == "win32":
        from platformdirs import user_runtime_path

        return user_runtime_path(APP_NAME)
    return Path("/tmp") / f"{APP_NAME}-{os.getuid()}"  # noqa: S108 - see above


def _default_home(env: Mapping[str, str]) -> Path:
    base = env.get("XDG_DATA_HOME", "")
    if sys.platform != "win32" and Path(base).is_absolute():
        return Path(base) / APP_NAME
    from platformdirs import user_data_path

    return user_data_path(APP_NAME, appauthor=False)
