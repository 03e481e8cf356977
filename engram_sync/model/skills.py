"""Skills: how something is done, refined by several at once.

A refinement takes the place of the heads that it was made from.  Refinements that did not know of
each other are heads side by side until one is made from all of them.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from engram_crdt import Element
from engram_sync.errors import NotFoundError, PreconditionError, UsageError
from engram_sync.model.readings import Version, encoded_version, part_id, version_of
from engram_wire.cbor import dump_canonical, is_list, is_tuple

from .draft_parts import DraftParts
from .fields import SKILL, confidence_value, one_line, parts_of, text_value
from .limits import PARENTS_MAX, SKILL_BYTES_MAX, STEPS_MAX, TITLE_BYTES_MAX
from .schema import SKILL_PARTS

_HINT = f"parts: {', '.join(SKILL_PARTS)}; steps is a list of texts"


def skill_body(given: object, *, name: object = None) -> bytes:
    """A skill, encoded: its name, its steps or a text, and how sure its author is.

    Args:
        given: As callers give it.
        name: What it is called where ``given`` does not say.

    Raises:
        UsageError: A part is missing, unknown, malformed or too large.
    """
    skill = parts_of("a skill", given, SKILL_PARTS)
    called = skill.get("name", name)
    if not isinstance(called, str) or not called.strip():
        raise UsageError("a skill needs its name as text", hint=_HINT)
    text_value("the name of a skill", one_line("the name of a skill", called), TITLE_BYTES_MAX)
    body: dict[str, object] = {"name": called}
    if "steps" in skill:
        body["steps"] = _steps(skill["steps"])
    if "text" in skill:
        text = skill["text"]
        if not isinstance(text, str) or not text.strip():
            raise UsageError("the text of a skill is a text", hint=_HINT)
        text_value("the text of a skill", text, SKILL_BYTES_MAX)
        body["text"] = text
    if len(body) == 1:
        raise UsageError("a skill needs steps or a text", hint=_HINT)
    if "confidence" in skill:
        body["confidence"] = _confidence(skill["confidence"])
    encoded = dump_canonical(body)
    if len(encoded) > SKILL_BYTES_MAX:
        raise UsageError(f"the skill has {len(encoded)} bytes; at most {SKILL_BYTES_MAX} fit")
    return encoded


def first_value(skill: Mapping[str, object], source: bytes) -> bytes:
    """The first version of a skill; ``source`` is what it is named from: ``DraftParts.source``."""
    body = skill_body(skill)
    return encoded_version(part_id(source, body), (), body)


def heads_of(elements: Iterable[Element]) -> list[tuple[Element, Version]]:
    """The live heads that are held, newest first; equal ones each."""
    heads = [(e, version_of(e)) for e in elements if e.collection == SKILL]
    held = [(e, version) for e, version in heads if version is not None]
    return sorted(held, key=lambda head: (head[0].hlc, head[0].dot), reverse=True)


def shown_heads(elements: Iterable[Element]) -> list[tuple[Element, Version]]:
    """The heads as readers see them: those that say the same under one name count once."""
    unequal: dict[tuple[bytes, bytes], tuple[Element, Version]] = {}
    for element, version in heads_of(elements):
        unequal.setdefault((version.id, version.encoded), (element, version))
    return list(unequal.values())


def refine(
    parts: DraftParts,
    seen: Sequence[Element],
    skill: Mapping[str, object],
    parents: Collection[str] | None,
) -> None:
    """Add the next version of a skill to a record in the making.

    Args:
        parts: The record.
        seen: What the caller's view contained.
        skill: The whole new version; its name may be left out.
        parents: Ids of the heads it was made from; None for all that the caller saw.

    Raises:
        NotFoundError: The caller's view has no such head.
        PreconditionError: It was made from more heads than one refinement can name.
        UsageError: The skill or an id is malformed, or no parent is named where there are heads.
    """
    heads = heads_of(seen)
    chosen = heads if parents is None else _named(heads, parents)
    if heads and not chosen:
        raise UsageError("a refinement is made from at least one of the heads")
    ids = list(dict.fromkeys(version.id for _, version in reversed(chosen)))
    if len(ids) > PARENTS_MAX:
        raise PreconditionError(
            f"the skill has {len(ids)} heads; one refinement names at most {PARENTS_MAX}",
            hint="name some of them as its parents, then refine the rest together with it",
        )
    names = {str(version.skill.get("name")) for _, version in chosen}
    body = skill_body(skill, name=names.pop() if len(names) == 1 else None)
    value = encoded_version(part_id(parts.source, body), ids, body)
    # A head that is not held has no id to name: it is still superseded by who saw it with all.
    owed = [e for e in seen if e.collection == SKILL and e.value is None and parents is None]
    parts.replace(SKILL, value, [*(element for element, _ in chosen), *owed])


def restated(element: Element) -> bytes | None:
    """A refinement as it is written again: under its own name."""
    version = version_of(element)
    if version is None:
        return None
    return encoded_version(version.id, version.parents, version.encoded)


def _named(
    heads: list[tuple[Element, Version]], names: Collection[str]
) -> list[tuple[Element, Version]]:
    chosen: dict[bytes, None] = {}
    for name in names:
        start = name.strip().lower()
        ids = {v.id for _, v in heads if start and v.id.hex().startswith(start)}
        if not ids:
            raise NotFoundError(
                f"the skill has no head {name!r:.80}",
                hint="a parent is a version that nothing refines yet; `get ID --json` shows them",
            )
        if len(ids) > 1:
            raise UsageError(
                f"{name!r} is the beginning of several ids", hint="give more characters"
            )
        chosen.setdefault(ids.pop())
    return [(element, version) for element, version in heads if version.id in chosen]


def _steps(steps: object) -> list[str]:
    if not (is_list(steps) or is_tuple(steps)) or not steps:
        raise UsageError("the steps of a skill are a list of texts", hint=_HINT)
    if len(steps) > STEPS_MAX:
        raise UsageError(f"the skill has {len(steps)} steps; at most {STEPS_MAX} fit")
    checked: list[str] = []
    for number, step in enumerate(steps, 1):
        if not isinstance(step, str) or not step.strip():
            raise UsageError(f"step {number} of the skill is no text", hint=_HINT)
        text_value(f"step {number} of the skill", step, SKILL_BYTES_MAX)
        checked.append(step)
    return checked


def _confidence(confidence: object) -> float:
    if isinstance(confidence, bool) or not isinstance(confidence, int | float):
        raise UsageError("the confidence of a skill is a number between 0 and 1")
    confidence_value(confidence)
    return float(confidence) + 0.0
