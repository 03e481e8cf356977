"""Where a node lives when nobody says."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from engram_sync.errors import UsageError

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


def resolve_runtime(env: Mapping[str, str]) -> Path:
    """The directory for what must not outlive a session: the witness, and sockets of long homes.

    It lies outside every home and need not exist yet.  It may be a place where other users come
    first, so whoever uses it checks that it is private.

    Args:
        env: The environment; ``ENGRAM_SYNC_RUNTIME_DIR`` comes first, then ``XDG_RUNTIME_DIR``.
    """
    override = env.get(ENV_RUNTIME)
    if override:
        return Path(override)
    if sys.platform != "linux":
        from platformdirs import user_runtime_path

        return user_runtime_path(APP_NAME)
    session = env.get("XDG_RUNTIME_DIR")
    return Path(session) / APP_NAME if session else _without_session(os.getuid())


def _without_session(user: int) -> Path:
    """For a service, a container, cron: the user's own part of a place that all users share."""
    import tempfile

    shared = Path(f"/run/user/{user}")
    return (shared if shared.is_dir() else Path(tempfile.gettempdir())) / f"{APP_NAME}-{user}"


def _default_home(env: Mapping[str, str]) -> Path:
    base = env.get("XDG_DATA_HOME", "")
    if sys.platform != "win32" and Path(base).is_absolute():
        return Path(base) / APP_NAME
    from platformdirs import user_data_path

    return user_data_path(APP_NAME, appauthor=False)
