"""The part of JSON Schema that docs/json uses, as a checker that knows nothing else."""

import json
from pathlib import Path
from typing import Any, cast

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "json"

TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}
KNOWN = {
    "$schema", "$defs", "$ref", "title", "description", "type", "properties", "required",
    "additionalProperties", "items", "enum", "const", "anyOf", "minimum", "pattern",
}  # fmt: skip


def kinds() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def check(document: dict[str, Any]) -> None:
    """Raise AssertionError unless the schema of the document's kind allows it."""
    kind = document["kind"]
    schema = json.loads((FOLDER / f"{kind}.json").read_text())
    problems = problems_of(document, schema, schema, kind)
    assert not problems, problems


def problems_of(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str) -> list[str]:
    if unknown := schema.keys() - KNOWN:
        return [f"{at}: the schema uses {unknown}"]
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return problems_of(value, root["$defs"][name], root, at)
    if "anyOf" in schema:
        found = [problems_of(value, option, root, at) for option in schema["anyOf"]]
        return [] if [] in found else [f"{at}: {value!r} is none of the allowed forms: {found}"]
    if "const" in schema and value != schema["const"]:
        return [f"{at}: {value!r} instead of {schema['const']!r}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is not one of {schema['enum']}"]
    if "type" in schema and not is_a(value, schema["type"]):
        return [f"{at}: {value!r} is no {schema['type']}"]
    if "minimum" in schema and value < schema["minimum"]:
        return [f"{at}: {value!r} is below {schema['minimum']}"]
    if isinstance(value, dict):
        return object_problems(cast("dict[str, Any]", value), schema, root, at)
    if isinstance(value, list) and "items" in schema:
        items = cast("list[Any]", value)  # type: ignore[redundant-cast]  # pyright needs it
        return [
            problem
            for place, item in enumerate(items)
            for problem in problems_of(item, schema["items"], root, f"{at}[{place}]")
        ]
    return []


def is_a(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, TYPES[name])


def object_problems(
    value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], at: str
) -> list[str]:
    properties = schema.get("properties", {})
    problems = [
        f"{at}: {name} is missing" for name in schema.get("required", []) if name not in value
    ]
    rest = schema.get("additionalProperties", True)
    for name, item in value.items():
        place = f"{at}.{name}"
        if name in properties:
            problems += problems_of(item, properties[name], root, place)
        elif rest is False:
            problems.append(f"{place} is not in the schema")
        elif isinstance(rest, dict):
            problems += problems_of(item, cast("dict[str, Any]", rest), root, place)
    return problems
