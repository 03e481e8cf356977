"""Notices that the store's files are gone while nothing is written that would notice it."""

import trio

from engram_sync.errors import DegradedError
from engram_sync.node._core import Core
from engram_sync.node._limits import STORE_CHECK_S
from engram_sync.observe import Log

log = Log("node")


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
