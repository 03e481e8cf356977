"""Notices that nothing can be stored while nothing is written that would notice it."""

import shutil

import trio

from engram_sync.errors import DegradedError
from engram_sync.node.core import Core
from engram_sync.node.limits import STORE_CHECK_S
from engram_sync.observe import Logger
from engram_sync.store import FULL_BYTES

log = Logger("background")


def room_problems(core: Core) -> list[str]:
    """In words when the disk is full, or as good as."""
    try:
        free = shutil.disk_usage(core.home).free
    except OSError:
        return []  # A home without a disk.
    if free >= FULL_BYTES or "store" in core.problems:
        return []
    return [f"the disk of {core.home} is full: {free:,} bytes are left, so nothing may be stored"]


async def watch_store(core: Core) -> None:
    """Say in ``status`` that the store is gone, and that it is back; runs until cancelled."""
    told = ""
    while True:
        await trio.sleep(STORE_CHECK_S)
        try:
            await core.store.confirm()
        except DegradedError as error:
            if error.message != told:
                told = core.problems["store"] = error.message
                log.error("the store is gone", reason=told)
                core.announce_change()
        else:
            if told and core.problems.get("store") == told:
                del core.problems["store"]
                core.announce_change()
            told = ""
