"""The specification's examples run, in its order."""

import re
from pathlib import Path

SPEC = Path(__file__).parents[2] / "crdt" / "SPEC.md"


def test_every_example_of_the_specification_holds() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", SPEC.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 4
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, SPEC.name, "exec"), names)
