"""The network is off until somebody asks for it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.terminal import environment

PROGRAM = """
import socket, sys
import trio

seen = []

def audit(event, arguments):
    if event in ("socket.bind", "socket.connect", "socket.sendto"):
        family = arguments[0].family
        if family in (socket.AF_INET, socket.AF_INET6):
            seen.append([event, repr(arguments[1])])

sys.addaudithook(audit)

from engram_sync import Node

async def main():
    async with Node.open(sys.argv[1]) as node:
        engram = await node.remember("Deploys go out on Tuesdays", tags={"ops"})
        await node.update(engram, content="Deploys go out on Wednesdays")
        assert (await node.recall("when do we deploy?"))[0].engram.id == engram.id
        status = await node.status()
        assert (status.network, status.listen, status.sync) == ("off", (), "alone")

trio.run(main)
import json
print(json.dumps(seen))
"""


@pytest.mark.slow
def test_a_fresh_node_opens_no_socket_of_the_network(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "home")],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == []
