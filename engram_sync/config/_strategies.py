"""By which strategy each field is read when several values of it stand side by side."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Final

BUILT_IN: Final = ("mvr", "lww", "lww-wall", "lww-lamport")
"""All values stand side by side; or the last write is shown, by hybrid clock, by the wall clock of
its author, or by what it had seen."""

STRATEGY_HELP: Final = f"use one of: {', '.join(BUILT_IN)}, or a registered NAME@VERSION"
_CUSTOM: Final = re.compile(r"[a-z][a-z0-9-]{0,31}@[1-9][0-9]{0,5}")

TYPES: Final = ("episodic", "semantic", "procedural")
CATEGORIES_TABLE: Final = "categories"


@dataclass(frozen=True, slots=True)
class StrategiesConfig:
    """How this node reads fields that have several live values; nothing of it is replicated."""

    content: str = "mvr"
    title: str = "mvr"
    type: str = "mvr"
    category: str = "mvr"
    epistemic: str = "mvr"
    metadata: str = "mvr"
    """Of each entry by itself."""
    confidence: str = "mvr"
    skill: str = "mvr"
    by_type: Mapping[str, Mapping[str, str]] = field(
        default_factory=lambda: MappingProxyType({}), hash=False
    )
    """By the type of an engram and the name of a field; before the general ones."""
    by_category: Mapping[str, Mapping[str, str]] = field(
        default_factory=lambda: MappingProxyType({}), hash=False
    )
    """By the category of an engram and the name of a field; before those by type."""

    def of(self, name: str, *, type: str = "", category: str = "") -> str:  # noqa: A002 - the word users know
        """The strategy by which a field of an engram of this type and category is read.

        Args:
            name: One of ``STRATEGY_FIELDS``.
            type: The engram's type.
            category: The engram's category.
        """
        for chosen in (self.by_category.get(category, {}), self.by_type.get(type, {})):
            if name in chosen:
                return chosen[name]
        general: str = getattr(self, name)
        return general


STRATEGY_FIELDS: Final = tuple(
    f.name for f in fields(StrategiesConfig) if f.name not in ("by_type", "by_category")
)
"""What a strategy can be chosen for."""

ENGRAM_FIELDS: Final = tuple(f for f in STRATEGY_FIELDS if f not in ("type", "category"))
"""What it can be chosen for by type or category: not what these are read from."""


def strategy_problem(value: object) -> str:
    """What is wrong with the name of a strategy; empty when nothing is."""
    if value in BUILT_IN or (isinstance(value, str) and _CUSTOM.fullmatch(value)):
        return ""
    return STRATEGY_HELP
