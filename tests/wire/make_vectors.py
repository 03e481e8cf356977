"""Write the files in ``wire/vectors`` again: ``python -m tests.wire.make_vectors``."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.wire.vector_cuts import cuts
from tests.wire.vector_records import invitation_vectors, records_vectors
from tests.wire.vector_refusals import parts_refused
from tests.wire.vector_sessions import SETUP, messages_vectors
from tests.wire.vector_stories import sessions_vectors
from tests.wire.vector_values import Json
from tests.wire.vector_zstd import zstd_refused, zstd_vectors

FOLDER = Path(__file__).parents[2] / "wire" / "vectors"


def refusals_vectors() -> Json:
    """Everything that must be refused, and with which code."""
    return {"setup": SETUP, "refusals": [*parts_refused(), *zstd_refused(), *cuts()]}


VECTORS: dict[str, Callable[[], Json]] = {
    "invitation.json": invitation_vectors,
    "messages.json": messages_vectors,
    "records.json": records_vectors,
    "refusals.json": refusals_vectors,
    "sessions.json": sessions_vectors,
    "zstd.json": zstd_vectors,
}


def text_of(name: str) -> str:
    """What the file ``name`` has to hold; the same on every machine."""
    return json.dumps(VECTORS[name](), ensure_ascii=True, indent=1) + "\n"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in VECTORS:
        (FOLDER / name).write_text(text_of(name), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
