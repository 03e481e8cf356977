import json
import subprocess
import sys

import pytest

from tests.repo.tree import PACKAGES, ROOT

# Each of these costs more than the whole command line; they load when a command needs them.
HEAVY = {
    "apsw",
    "asyncio",
    "cbor2",
    "cryptography",
    "engram_crdt",
    "engram_simulations",
    "engram_wire",
    "nacl",
    "pycrdt",
    "sqlite3",
    "ssl",
    "trio",
    "zeroconf",
}

PROBE = """
import json, sys
before = set(sys.modules)
sys.argv = ["engram-sync", *json.loads(sys.argv[1])]
from engram_sync.cli import main
try:
    main()
except SystemExit as end:
    code = end.code
else:
    code = 0
loaded = {name.split(".")[0] for name in set(sys.modules) - before}
print(json.dumps([code, sorted(loaded)]), file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["remember", "--help"]])
def test_the_command_line_starts_without_loading_a_node(arguments: list[str]) -> None:
    folders = [str(ROOT), *(str(folder.parent) for folder in PACKAGES.values())]
    code = f"import sys; sys.path[:0] = {folders!r}\n{PROBE}"
    probe = subprocess.run(
        [sys.executable, "-c", code, json.dumps(arguments)],
        check=True,
        capture_output=True,
        text=True,
    )
    exit_code, loaded = json.loads(probe.stderr.splitlines()[-1])
    assert exit_code in {0, None}
    assert set(loaded) & HEAVY == set()
