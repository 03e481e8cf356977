"""docs/json says of each value exactly what engram_sync.api says."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from engram_sync import api as results
from tests.cli.json_schema import FOLDER, kinds

CLASSES = {
    name: value
    for name, value in vars(results).items()
    if isinstance(value, type) and dataclasses.is_dataclass(value)
}
WHOLE = {
    "engram": results.Engram,
    "status": results.Status,
    "sync": results.SyncResult,
    "join": results.JoinResult,
    "doctor": results.Doctor,
    "compaction": results.Compaction,
    "erasure": results.ErasureStatus,
}
"""Kinds whose object is that of one class."""
ADDED = {"v", "kind", "score", "dry_run", "stays"}
"""What the command line puts beside."""


def described() -> Iterator[tuple[str, dict[str, Any], type]]:
    for kind in kinds():
        schema: dict[str, Any] = json.loads((FOLDER / f"{kind}.json").read_text())
        if kind in WHOLE:
            yield kind, schema, WHOLE[kind]
        for name, part in schema.get("$defs", {}).items():
            if "properties" in part:
                # A hit is printed as its memory with a score.
                yield f"{kind} {name}", part, results.Engram if name == "Hit" else CLASSES[name]


DESCRIBED = {place: (schema, known) for place, schema, known in described()}


@pytest.mark.parametrize("place", DESCRIBED)
def test_a_schema_has_the_fields_of_its_class(place: str) -> None:
    schema, known = DESCRIBED[place]
    fields = {field.name for field in dataclasses.fields(known)}
    assert schema["properties"].keys() - (ADDED - fields) == fields
    assert set(schema["required"]) == schema["properties"].keys()
    assert schema["additionalProperties"] is False
