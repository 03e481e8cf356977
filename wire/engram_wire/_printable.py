"""Which text is printable: one fixed list, the same for every version of Unicode and of Python.

What a later Unicode assigns is printable here before it has a meaning: no two nodes may disagree on
whether somebody can join under a label.
"""

import re
from typing import Final

_UNPRINTABLE: Final = (
    # Controls, and the soft hyphen that is no hyphen.
    (0x00, 0x1F), (0x7F, 0xA0), (0xAD, 0xAD),
    # Signs that change what stands beside them: Arabic, Syriac, Mongolian, Kaithi.
    (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD), (0x70F, 0x70F), (0x890, 0x891),
    (0x8E2, 0x8E2), (0x180E, 0x180E), (0x110BD, 0x110BD), (0x110CD, 0x110CD),
    # Spaces that are not the space, ends of lines, zero widths, overrides of direction.
    (0x1680, 0x1680), (0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x206F),
    (0x3000, 0x3000), (0xFEFF, 0xFEFF), (0xFFF9, 0xFFFB),
    # Signs of layout: hieroglyphs, shorthand, music.
    (0x13430, 0x1343F), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A),
    # Surrogates, private use, no characters, tags and selectors.
    (0xD800, 0xF8FF), (0xFDD0, 0xFDEF), (0xFFFE, 0xFFFF), (0xE0000, 0x10FFFF),
    *((plane + 0xFFFE, plane + 0xFFFF) for plane in range(0x10000, 0xE0000, 0x10000)),
)  # fmt: skip
"""First and last of each stretch of code points that no printable text has."""

_FIND = re.compile("[" + "".join(f"\\U{a:08x}-\\U{b:08x}" for a, b in _UNPRINTABLE) + "]")


def is_printable(text: str) -> bool:
    """Whether every character of ``text`` shows as itself; so of the empty text."""
    return _FIND.search(text) is None
