"""All attacks with records, in the order in which they are run."""

from collections.abc import Sequence

from . import _on_logs, _on_memories
from ._cases import CASES as _CASES
from ._cases import Case as Case

GROUPS = (_on_memories.__name__, _on_logs.__name__)
CASES: Sequence[Case] = sorted(_CASES, key=lambda case: GROUPS.index(case.attack.__module__))
