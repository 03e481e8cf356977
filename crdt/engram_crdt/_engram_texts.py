"""The collaborative texts of an engram whose elements are kept somewhere else, such as in rows."""

from collections.abc import Iterable, Mapping
from typing import Self

from ._cursor import Cursor
from ._derive import removals_of
from ._digest import span_hash
from ._dots import Change, Dot, TextEdit, TextSpan, clocks_of
from ._editing import Deletion, Insertion, clearing, edit_of
from ._errors import DocumentError
from ._text import Text
from ._text_blob import decode_texts, encode_texts
from ._texts import Texts


class EngramTexts:
    """What ``EngramDocument`` knows of texts, without the rest of it.

    Args:
        bodies: The live elements of ``r/body``.
        ends: Of each log, the next clock.
    """

    def __init__(self, bodies: Iterable[Dot], ends: Mapping[bytes, int]) -> None:
        self._ends = dict(ends)
        self._texts = Texts(self._knows)
        self._texts.restore({}, bodies)

    @classmethod
    def load(cls, blob: bytes, bodies: Iterable[Dot], ends: Mapping[bytes, int]) -> Self:
        """Restore what ``dump`` returned.

        Raises:
            DocumentError: It is damaged, or does not fit the elements.
        """
        made = cls((), ends)
        cursor = Cursor(blob)
        try:
            texts = decode_texts(cursor)
            cursor.expect_end()
        except (IndexError, UnicodeDecodeError) as error:
            raise DocumentError(f"texts of {len(blob)} bytes are malformed") from error
        made._texts.restore(texts, bodies)
        return made

    def dump(self) -> bytes:
        """Return the texts as bytes for ``load``."""
        return encode_texts(self._texts.by_generation)

    def apply(self, change: Change, start: int) -> None:
        """Merge what a change means for texts; all that it removes has arrived.

        Args:
            change: The change.
            start: Its first clock.
        """
        self._ends[change.log] = start + clocks_of(change)
        self._texts.apply(change, start, removals_of(change))

    def texts(self) -> dict[Dot, str]:
        """Return the text of each live generation, see ``EngramDocument.texts``."""
        return self._texts.strings()

    def spans(self) -> list[TextSpan]:
        """Return all live text, sorted."""
        return self._texts.spans()

    def orphans(self) -> list[TextSpan]:
        """Return live text of what is no live generation."""
        return self._texts.orphans()

    def edit_of(self, generation: Dot, ops: Iterable[Insertion | Deletion]) -> TextEdit:
        """Say by origins what operations do to a text, see ``EngramDocument.edit_of``.

        Raises:
            ValueError: There is no such text, or an operation does not fit it.
        """
        return edit_of(self._text(generation), ops)

    def clearing(self, generation: Dot) -> TextEdit:
        """Return the edit that deletes all of a text.

        Raises:
            ValueError: There is no such text.
        """
        return clearing(self._text(generation))

    def digest_change(self, engram: bytes) -> int:
        """Return what has come to the digest of the engram since the texts were loaded."""
        gone, come, _ = self._texts.take_changes()
        return sum(span_hash(engram, span) for span in come) - sum(
            span_hash(engram, span) for span in gone
        )

    def _text(self, generation: Dot) -> Text:
        return self._texts.text(generation)

    def _knows(self, dot: Dot) -> bool:
        return dot.clock < self._ends.get(dot.log, 0)
