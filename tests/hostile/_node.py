"""A node in a process of its own, told what to do on standard input, one JSON object per line."""

import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import trio

from engram_sync import Config, NewMemory, Node
from engram_sync.api import Engram
from engram_sync.config import NetworkConfig, SyncConfig

LISTENING = ("127.0.0.1:0",)


def resident_mib() -> float:
    """Resident set of this process, in MiB; 0 where nobody tells."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


class Commands:
    """What the node can be told; every answer says how long it took."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def invite(self) -> dict[str, Any]:
        return {"token": await self._node.invite()}

    async def join(self, token: str) -> dict[str, Any]:
        await self._node.join(token)
        return {}

    async def say(self, content: str) -> dict[str, Any]:
        began = time.monotonic()
        engram = await self._node.remember(content)
        return {"id": engram.id, "began": began}

    async def import_many(self, count: int) -> dict[str, Any]:
        memories = [NewMemory(f"imported {number}") for number in range(count)]
        return {"count": len(await self._node.remember_many(memories))}

    async def wait_for(self, id: str) -> dict[str, Any]:  # noqa: A002 - as answers call it
        """Return when a memory has arrived and can be read."""
        while not await self._holds(id):
            with trio.move_on_after(0.01):
                await self._node._core.wait_change()
        return {"ended": time.monotonic()}

    async def _holds(self, id: str) -> bool:  # noqa: A002
        found = await self._node.list(limit=5)
        return any(engram.id == id for engram in found) or await self._get(id) is not None

    async def _get(self, id: str) -> Engram | None:  # noqa: A002
        from engram_sync.errors import NotFoundError

        try:
            return await self._node.get(id)
        except NotFoundError:
            return None

    async def holds(self, ids: list[str]) -> dict[str, Any]:
        """How many of those memories are here."""
        return {"count": sum([await self._get(one) is not None for one in ids])}

    async def get(self, id: str) -> dict[str, Any]:  # noqa: A002
        engram = await self._node.get(id)
        return {"life": engram.life, "content": engram.content, "left_out": engram.left_out}

    async def pages(self, id: str) -> dict[str, Any]:  # noqa: A002
        """The whole history and all conflicts, page by page."""
        entries, page = 0, await self._node.history(id)
        while True:
            entries += len(page)
            if page.next is None:
                break
            page = await self._node.history(id, after=page.next)
        found = await self._node.conflicts()
        conflicts = len(found)
        while found.next is not None:
            found = await self._node.conflicts(after=found.next)
            conflicts += len(found)
        return {"entries": entries, "conflicts": conflicts}

    async def status(self) -> dict[str, Any]:
        status = await self._node.status()
        scope = next(s for s in status.scopes if s.kind == "agent" and s.current)
        return {
            "bytes": len(status.to_json()),
            "records": scope.records,
            "lag": scope.lag,
            "problems": list(status.problems),
            "taken": sum(w.records for w in status.writers if w.label == "mallory"),
        }

    async def doctor(self) -> dict[str, Any]:
        found = await self._node.doctor()
        return {
            "damaged": [check.detail for check in found.checks if check.damaged],
            "checks": [check.name for check in found.checks],
        }

    async def forget(self, id: str) -> dict[str, Any]:  # noqa: A002
        """As its owner would: what is shown, in as many steps as the node takes."""
        engram = await self._node.get(id)
        if engram.life != "deleted":
            engram = await self._node.forget(engram)
        return {"life": engram.life}

    async def update(self, id: str, content: str) -> dict[str, Any]:  # noqa: A002
        engram = await self._node.update(await self._node.get(id), content=content)
        return {"content": engram.content}

    async def resident(self) -> dict[str, Any]:
        return {"mib": resident_mib()}


async def serve(home: str, label: str, peer: str) -> None:
    """Run the node until standard input ends."""
    network = NetworkConfig(
        enabled=True, listen=LISTENING, mdns=False, peers=(peer,) if peer else ()
    )
    config = Config(network=network, sync=SyncConfig(backoff_min_s=0.05))
    async with (
        Node.open(home, config=config, services=(), label=label) as node,
        trio.open_nursery() as nursery,
    ):
        commands = Commands(node)
        print(json.dumps({"address": (await node.status()).listen[0]}), flush=True)  # noqa: T201
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            told = json.loads(line)
            nursery.start_soon(_perform, commands, told)
        nursery.cancel_scope.cancel()


async def _perform(commands: Commands, told: dict[str, Any]) -> None:
    number, do = told.pop("number"), told.pop("do")
    call: Callable[..., Awaitable[dict[str, Any]]] = getattr(commands, do)
    began = time.monotonic()
    try:
        answer = await call(**told)
    except Exception as error:  # noqa: BLE001 - reported to who asked
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer | {"number": number, "s": time.monotonic() - began}), flush=True)  # noqa: T201


if __name__ == "__main__":
    trio.run(serve, sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "")
