"""All texts of one engram, and which of them are live."""

from collections.abc import Callable, Iterable

from ._dots import Change, Dot, Element, TextEdit, TextInsert, TextSpan
from ._errors import DocumentError
from ._limits import BODY
from ._text import Piece, Source, Text, units_of


class Texts:
    """Texts by generation, a generation being the element of ``r/body`` that a text belongs to.

    Args:
        known: Tells whether a dot has arrived in the document.
    """

    def __init__(self, known: Callable[[Dot], bool]) -> None:
        self.by_generation: dict[Dot, Text] = {}
        self.bodies: set[Dot] = set()
        """The live elements of ``r/body``."""
        self._known = known

    def restore(self, texts: dict[Dot, Text], elements: Iterable[Element]) -> None:
        """Take over what was stored.

        Raises:
            DocumentError: A text is stored as that of a live generation and is not, or
                the other way round.
        """
        self.bodies = {element.dot for element in elements if element.collection == BODY}
        self.by_generation = texts
        if texts and any(text.loose != self.is_gone(dot) for dot, text in texts.items()):
            raise DocumentError("a text of the document does not fit its generation")

    def is_gone(self, generation: Dot) -> bool:
        """Tell whether a generation came and is not live: superseded, deleted or never one."""
        return generation not in self.bodies and self._known(generation)

    def apply(self, change: Change, start: int, removed: Iterable[tuple[bytes, int, int]]) -> None:
        """Merge what a change means for texts.

        Args:
            change: The change; its clocks are already known.
            start: Its first clock.
            removed: (log, first clock, end) of what is removed now.
        """
        for clock, (collection, _) in enumerate(change.puts, start):
            if collection == BODY:
                self.bodies.add(Dot(change.log, clock))
        if change.edit is not None and change.edit.inserts:
            self._insert(change, change.edit, start + len(change.puts))
        if self.bodies or self.by_generation:
            for log, first, end in removed:
                self.bodies -= {d for d in self.bodies if d.log == log and first <= d.clock < end}
                for text in self.by_generation.values():
                    text.remove(log, first, end)
            self._settle()

    def spans(self) -> list[TextSpan]:
        """Return all live text, sorted."""
        return [span for _, text in sorted(self.by_generation.items()) for span in text.spans()]

    def ordered(self) -> dict[Dot, list[Piece]]:
        """Return the pieces of each live generation in the order of its text."""
        texts = self.by_generation
        return {dot: texts[dot].ordered() for dot in sorted(self.bodies) if dot in texts}

    def _insert(self, change: Change, edit: TextEdit, clock: int) -> None:
        generation = edit.generation
        text = self.by_generation.get(generation)
        if text is None:
            text = self.by_generation[generation] = Text(generation)
        source = Source(change.seq, change.hlc, change.payload_hash)
        held = all(_fits(insert) for insert in edit.inserts)
        for insert in edit.inserts:
            taken = insert if held else insert._replace(text=None)
            text.add(change.log, clock, taken, source, self._known)
            clock += insert.length

    def _settle(self) -> None:
        for dot, text in list(self.by_generation.items()):
            if not text.loose and self.is_gone(dot):
                text.loosen()
            text.settle(self._known)
            if not text:
                del self.by_generation[dot]


def _fits(insert: TextInsert) -> bool:
    """Tell whether an insert holds the units that its record announced.

    A payload that matches its hash and not its record counts as dropped, all of it.
    """
    text = insert.text
    if text is None or len(units_of(text)) != insert.length:
        return False
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
