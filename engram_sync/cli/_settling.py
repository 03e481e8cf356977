"""What to type to settle a conflict."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engram_sync.api import Conflict

METADATA = "metadata."
_OPTIONS = {"title": "--title TEXT", "category": "--category TEXT", "epistemic": "--epistemic WORD"}
"""What replaces a field that has several values; every other one is a text."""


def settling(conflict: "Conflict") -> Sequence[str]:
    """Commands of which any one settles the conflict, with words in capitals to fill in.

    Each names the version that was looked at: what arrives meanwhile is not settled unseen.
    """
    seen = f"{conflict.engram} --if-version {conflict.engram_version}"
    if conflict.kind == "lifecycle":
        return f"restore {seen}", f"forget {seen}"
    if conflict.kind == "episodic" and conflict.key[:1] == ("key",):
        # Two accounts of what their source calls one event.
        return tuple(f"update {seen} --remove-event {sibling.id}" for sibling in conflict.siblings)
    return (f"update {seen} {_wish(conflict)}",)


def _wish(conflict: "Conflict") -> str:
    match conflict.kind, conflict.key:
        case "belief", (subject, relation):
            return f"--belief {shlex.quote(subject)} {shlex.quote(relation)} OBJECT"
        case "episodic", (event,):
            return f"--amend {event}=TEXT"
        case "skill", _:
            return "--refine TEXT"
        case _:
            pass
    if conflict.field.startswith(METADATA):
        return f"--meta {shlex.quote(conflict.field.removeprefix(METADATA))}=VALUE"
    return _OPTIONS.get(conflict.field, "--content TEXT")
