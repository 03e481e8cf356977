"""The collaborative texts of an engram whose elements are kept somewhere else, such as in rows."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Self

from ._cursor import Cursor
from ._derive import removals_of
from ._digest import span_hash
from ._dots import Change, Dot, TextEdit, TextSpan, clocks_of
from ._editing import Deletion, Insertion, clearing, edit_of
from ._errors import DocumentError
from ._limits import LOG_BYTES
from ._text import Text
from ._text_blob import decode_texts, encode_texts
from ._texts import TextsByGeneration
from ._yjs import varint

EndOf = Callable[[bytes], int]
"""Of a log, the clock after all that it has put into the engram."""


class TextChanges(NamedTuple):
    """What has become of texts since somebody asked."""

    digest: int
    """What comes to the digest of the engram; negative where more has gone than come."""
    touched: frozenset[Dot]
    """Generations, live or not, of which what is shown may be another."""
    gone: frozenset[tuple[bytes, int]]
    """(log, seq) of records of which no character is live any more."""


class EngramTexts:
    """What ``EngramDocument`` knows of texts, without the rest of it.

    Args:
        bodies: The live elements of ``r/body``.
    """

    def __init__(self, bodies: Iterable[Dot] = ()) -> None:
        self._end_of: EndOf | None = None
        self._texts = TextsByGeneration(self._knows)
        self._texts.restore({}, bodies)

    @classmethod
    def load(cls, blob: bytes, end_of: EndOf) -> Self:
        """Restore what ``dump`` returned.

        Args:
            blob: The bytes.
            end_of: Tells of a log the clock after all that it has put into the engram by now.

        Raises:
            DocumentError: It is damaged, or does not fit the engram.
        """
        made = cls()
        made._end_of = end_of
        cursor = Cursor(blob)
        try:
            texts = decode_texts(cursor)
            bodies = [Dot(cursor.take(LOG_BYTES), cursor.number()) for _ in cursor.count()]
            cursor.expect_end()
        except (IndexError, UnicodeDecodeError) as error:
            raise DocumentError(f"texts of {len(blob)} bytes are malformed") from error
        made._texts.restore(texts, bodies)
        return made

    def dump(self) -> bytes:
        """Return the texts as bytes for ``load``."""
        bodies = self._texts.bodies
        dots = [dot.log + varint(dot.clock) for dot in bodies]
        return b"".join((encode_texts(self._texts.by_generation), varint(len(bodies)), *dots))

    def __bool__(self) -> bool:
        """Whether there is, or was, text of a generation that is live, or live text of another."""
        return bool(self._texts)

    @property
    def pieces(self) -> int:
        """How many pieces there are: what ``load`` and ``dump`` cost."""
        return sum(map(len, self._texts.by_generation.values()))

    @property
    def units_held(self) -> int:
        """How many units there are of which the characters are held."""
        return sum(text.units_held for text in self._texts.by_generation.values())

    @property
    def bodies(self) -> list[Dot]:
        """The live elements of ``r/body``, sorted."""
        return self._texts.bodies

    def apply(self, change: Change, start: int, end_of: EndOf) -> None:
        """Merge what a change means for texts; all that it removes has arrived.

        Args:
            change: The change.
            start: Its first clock.
            end_of: As for ``load``; what the change puts need not be counted.
        """
        end = start + clocks_of(change)
        self._end_of = lambda log: end if log == change.log else end_of(log)
        self._texts.apply(change, start, removals_of(change))

    def hold(self, log: bytes, clock: int, inserted: Sequence[tuple[int, str | None]]) -> None:
        """Take over that the payload of an edit came or went; its inserts stay where they are.

        Args:
            log: Log of the edit.
            clock: Clock of the first unit that it wrote.
            inserted: Of each insert, how many units it has, and its text if that is held.
        """
        self._texts.hold(log, clock, inserted)

    def take_changes(self, engram: bytes) -> TextChanges:
        """Return what has changed since this was asked last, or the texts were made or loaded."""
        gone, come, touched = self._texts.take_changes()
        added = sum([span_hash(engram, span) for span in come])
        added -= sum([span_hash(engram, span) for span in gone])
        ended = {place for s in gone if not self.is_live(*(place := (s.dot.log, s.seq)))}
        return TextChanges(added, touched, frozenset(ended))

    def is_live(self, log: bytes, seq: int) -> bool:
        """Tell whether a character, or a place for one, of a record is live."""
        return any(text.is_live(log, seq) for text in self._texts.by_generation.values())

    def text(self, generation: Dot) -> str | None:
        """Return the text of a generation, None when it is not live."""
        return self._texts.text(generation).string() if self._texts.is_body(generation) else None

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

    def _text(self, generation: Dot) -> Text:
        return self._texts.text(generation)

    def _knows(self, dot: Dot) -> bool:
        assert self._end_of is not None, "given with the first change"
        return dot.clock < self._end_of(dot.log)
