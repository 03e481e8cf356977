"""Opening and closing: lock, key, store, witness, and everything rebuilt in memory."""

import os
import platform
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import trio

from engram_sync.config import ENV_RUNTIME, Config, load_config, resolve_home
from engram_sync.errors import EngramError
from engram_sync.ledger import decode_witnesses, encode_witnesses
from engram_sync.memory.instant import InstantMemories
from engram_sync.node.background.background import Background
from engram_sync.node.core import Core
from engram_sync.node.home.environment import DirectoryStorage, Environment, HomeStorage
from engram_sync.node.home.files import Home, NodeKey
from engram_sync.node.opening.founding import checked_label, facts_of, found_node, store_id
from engram_sync.node.opening.migrating import migrate, migration_problem
from engram_sync.node.writing.quotas import Quotas
from engram_sync.node.writing.write_path import WritePath
from engram_sync.store import OlderFormatError, Store, Transaction
from engram_wire import LABEL_BYTES_MAX, is_printable


@asynccontextmanager
async def opened(
    home: str | Path | None,
    config: Config | None,
    label: str | None,
    environment: Environment,
    storage: HomeStorage | None,
    lock_wait_s: float,
) -> AsyncGenerator[Background]:
    """A node's core and what follows it, for the time of the block; see ``Node.open``."""
    if storage is None:
        path = resolve_home(home, os.environ)
        storage = DirectoryStorage(Home(path))
        config = config or load_config(path, {}, os.environ, Path.cwd())
    if label is not None:
        checked_label(label)
    await storage.acquire(lock_wait_s)
    try:
        key = storage.key(environment.entropy)
        store = await _open_store(storage, key, environment)
        async with trio.open_nursery() as nursery:
            await nursery.start(store.serve)
            try:
                core = await _core(storage, key, store, config or Config(), label, environment)
                background = Background.of(core)
                try:
                    yield background
                finally:
                    # After an error of the caller too: the store is as it was last committed.
                    await _leave_witness(storage, background)
            finally:
                with trio.CancelScope(shield=True):
                    await store.aclose()
    finally:
        storage.release()


async def _open_store(storage: HomeStorage, key: NodeKey, environment: Environment) -> Store:
    try:
        return await storage.open_store()
    except OlderFormatError:
        if not isinstance(storage, DirectoryStorage):
            raise
    await migrate(storage, key, environment.clock, environment.entropy)
    return await storage.open_store()


async def _core(
    storage: HomeStorage,
    key: NodeKey,
    store: Store,
    config: Config,
    label: str | None,
    environment: Environment,
) -> Core:
    path = WritePath(key, environment.clock, environment.entropy)

    def begin(tx: Transaction) -> Core:
        known = store_id(tx)
        witness = storage.take_witness(known) if known is not None else None
        path.load(tx, decode_witnesses(witness), storage.boot_id)
        path.begin(tx)
        if known is None:
            name = checked_label(label or default_label())
            clock, entropy = environment.clock, environment.entropy
            path.run(tx, lambda tx: found_node(tx, path, key, name, clock, entropy))
        facts = facts_of(tx, key)
        instant = InstantMemories(node=key.node_id, label=facts.label)
        quotas = Quotas(key.public)
        core = Core(storage.path, key, config, environment, store, path, facts, instant, quotas)
        for row in tx.scopes():
            core.adopt(path.view(tx, row.id))
        if problem := migration_problem(tx, storage.path):
            core.problems["migration"] = problem
        if problem := storage.witness_problem():
            core.problems["witness"] = (
                f"every start begins new logs, because {problem}: set {ENV_RUNTIME}"
            )
        return core

    return await store.submit(begin)


async def _leave_witness(storage: HomeStorage, background: Background) -> None:
    """After the last write: what was erased is gone, and the next opening may continue the logs."""
    core, purging = background.core, background.purging

    def job(tx: Transaction) -> None:
        known = store_id(tx)
        assert known is not None
        witnesses = core.path.witnesses(storage.boot_id)
        core.path.close()
        storage.leave_witness(known, encode_witnesses(witnesses))

    with trio.CancelScope(shield=True):
        with suppress(EngramError):
            await core.store.submit(job)
        if purging.due:
            with suppress(EngramError):
                await purging.purge()


def default_label() -> str:
    """The machine's name, as far as it can be shown."""
    name = platform.node().partition(".")[0][: LABEL_BYTES_MAX // 4]
    return name if name and is_printable(name) else "node"
