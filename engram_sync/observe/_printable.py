"""Makes text that came from elsewhere safe to show."""

import unicodedata
from typing import Final

CHARACTERS_MAX: Final = 200  # A log line stays a line, and a peer cannot fill a disk with its name.

# Cc control, Cf format (bidirectional overrides, zero width), Cs surrogate, Co private, Cn
# unassigned, Zl and Zp line breaks: each can hide, reorder or forge what a terminal shows.
_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str, *, characters_max: int = CHARACTERS_MAX) -> str:
    r"""``text`` with everything escaped that a terminal would not show as itself.

    A backslash is doubled, so that an escape cannot be forged.  Longer text is cut, with the number
    of characters that are missing.

    Args:
        text: Anything, for example a label that a peer chose.
        characters_max: How many characters of ``text`` to show.
    """
    shown = "".join(map(_escaped, text[:characters_max]))
    missing = len(text) - characters_max
    return f"{shown}… ({missing} more)" if missing > 0 else shown


def _escaped(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if unicodedata.category(character) not in _UNSAFE:
        return character
    return character.encode("unicode_escape", "backslashreplace").decode()
