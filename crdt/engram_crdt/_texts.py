"""All texts of one engram: the part of an engram's state that is not elements."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ._dots import Change, Dot, TextEdit, TextSpan, clocks_of
from ._errors import DocumentError
from ._intervals import Interval, IntervalChange, Source
from ._limits import BODY
from ._pieces import Piece, units_of
from ._text import Text

_Stretch = tuple[int, int, Dot]
"""(first clock, end, generation): what one log wrote into one text without a gap."""


class Changes(NamedTuple):
    """What has become of texts."""

    gone: list[TextSpan]
    come: list[TextSpan]
    """Live text as the digest counts it, without characters; some of it may have gone again."""
    touched: frozenset[Dot]
    """Generations of which what is shown may be another."""


class TextsByGeneration:
    """Texts by generation, a generation being the element of ``r/body`` that a text belongs to.

    Args:
        known: Tells whether a dot has arrived in the engram.
    """

    def __init__(self, known: Callable[[Dot], bool]) -> None:
        self._known = known
        self._bodies = Dots()
        self._texts: dict[Dot, Text] = {}
        self._generations = Dots()
        """Those that have a text."""
        self._written: dict[bytes, list[_Stretch]] = {}
        """What a log wrote, sorted, made once something of it changes: where a removal finds the
        text that it is about."""
        self._waiting: set[Dot] = set()
        """Generations with inserts that hang nowhere yet."""
        self._changes: list[tuple[Dot, IntervalChange]] = []
        self._touched: set[Dot] = set()

    def __bool__(self) -> bool:
        return bool(self._texts)

    def __contains__(self, unit: Dot) -> bool:
        return any(text.at(unit) for text in self._texts.values())

    def restore(self, texts: Mapping[Dot, Text], bodies: Iterable[Dot]) -> None:
        """Take over what was stored.

        Args:
            texts: By generation.
            bodies: The live elements of ``r/body``.

        Raises:
            DocumentError: A text holds what has not arrived, or is stored as that of a live
                generation and is not, or the other way round.
        """
        self._bodies = Dots(bodies)
        self._texts = dict(texts)
        self._generations = Dots(texts)
        for generation, text in texts.items():
            if text.loose != self.is_gone(generation):
                raise DocumentError("a text of the document does not fit its generation")
            if text.waits:
                self._waiting.add(generation)
            for log, end in text.ends().items():
                if not self._known(Dot(log, end - 1)):
                    raise DocumentError(f"unit {end - 1} of a text is beyond its log's end")

    @property
    def by_generation(self) -> Mapping[Dot, Text]:
        """All texts, those of generations that are gone included."""
        return self._texts

    def text(self, generation: Dot) -> Text:
        """Return the text of a live generation.

        Raises:
            ValueError: There is none.
        """
        if generation not in self._bodies:
            raise ValueError(f"{generation.log.hex()[:8]}:{generation.clock} has no live text")
        return self._texts.get(generation) or Text(generation)

    @property
    def bodies(self) -> list[Dot]:
        """The live generations, sorted."""
        return list(self._bodies)

    def is_body(self, generation: Dot) -> bool:
        """Tell whether a generation is live."""
        return generation in self._bodies

    def strings(self) -> dict[Dot, str]:
        """Return the text of each live generation."""
        return {dot: self.text(dot).string() for dot in self._bodies}

    def is_gone(self, generation: Dot) -> bool:
        """Tell whether a generation came and is not live: superseded, deleted or never one."""
        return generation not in self._bodies and self._known(generation)

    def apply(self, change: Change, start: int, removed: Iterable[tuple[bytes, int, int]]) -> None:
        """Merge what a change means for texts, looking at no more than it touches.

        Args:
            change: The change; its clocks are already known.
            start: Its first clock.
            removed: (log, first clock, end) of what is removed now.
        """
        for clock, (collection, _) in enumerate(change.puts, start):
            if collection == BODY:
                self._bodies.add(Dot(change.log, clock))
        touched = set(self._waiting)
        if change.edit is not None and change.edit.inserts:
            self._insert(change, change.edit, start)
            touched.add(change.edit.generation)
        if not self._bodies and not self._texts:
            return
        for log, first, end in removed:
            self._bodies.discard(log, first, end)
            touched.update(self._generations.between(log, first, end))
            touched.update(self._remove(log, first, end))
        # A generation may come after edits of it, and turn out to be none.
        touched.update(self._generations.between(change.log, start, start + clocks_of(change)))
        self._touched |= touched
        for generation in touched & self._texts.keys():
            self._settle(generation)

    def hold(self, log: bytes, clock: int, inserted: Sequence[tuple[int, str | None]]) -> None:
        """Have other characters, or none, of what one record wrote, as far as it is live.

        Args:
            log: Its log.
            clock: Its first one in the text.
            inserted: Of each insert, how many units it has, and its text.
        """
        end = clock + sum([length for length, _ in inserted])
        fits = [
            None if text is None or not _fits(length, text) else text for length, text in inserted
        ]
        units = None if None in fits else "".join([units_of(text or "") for text in fits])
        for text in self._written_in(log, clock, end):
            text.hold(log, clock, end, units)
            self._touched.add(text.generation)

    def take_changes(self) -> Changes:
        """Return what has changed since this was asked last, or the texts were made or restored."""
        gone = [_span(of, each) for of, change in self._changes for each in change.gone]
        come = [_span(of, each) for of, change in self._changes for each in change.new]
        touched = self._touched
        self._changes, self._touched = [], set()
        return Changes(gone, come, frozenset(touched))

    def spans(self) -> list[TextSpan]:
        """Return all live text, sorted."""
        return [span for dot in self._generations for span in self._texts[dot].spans()]

    def orphans(self) -> list[TextSpan]:
        """Return live text of what is no live generation."""
        gone = [dot for dot in self._generations if self._texts[dot].loose]
        return [span for dot in gone for span in self._texts[dot].spans()]

    def ordered(self) -> dict[Dot, list[Piece]]:
        """Return the pieces of each live generation in the order of its text."""
        return {dot: self._texts[dot].ordered() for dot in self._bodies if dot in self._texts}

    def _insert(self, change: Change, edit: TextEdit, start: int) -> None:
        generation, clock = edit.generation, start + len(change.puts)
        text = self._texts.get(generation)
        if text is None:
            text = self._texts[generation] = Text(generation)
            self._generations.add(generation)
        self._write(change.log, clock, start + clocks_of(change), generation)
        source = Source(change.seq, change.hlc, change.payload_hash)
        held = all(each.text is not None and _fits(each.length, each.text) for each in edit.inserts)
        for insert in edit.inserts:
            taken = insert if held else insert._replace(text=None)
            new = text.add(change.log, clock, taken, source, self._known)
            self._changes.append((generation, new))
            clock += insert.length

    def _write(self, log: bytes, clock: int, end: int, generation: Dot) -> None:
        held = self._stretches(log)
        if held and held[-1][1:] == (clock, generation):
            clock = held.pop()[0]
        held.append((clock, end, generation))

    def _remove(self, log: bytes, first: int, end: int) -> Iterator[Dot]:
        """Delete what there is of a span; yields the generations that it is of."""
        for text in self._written_in(log, first, end):
            self._changes.append((text.generation, text.remove(log, first, end)))
            yield text.generation

    def _written_in(self, log: bytes, first: int, end: int) -> Iterator[Text]:
        """Yield the texts into which one log wrote with some of these clocks."""
        held = self._stretches(log)
        for place in range(bisect_right(held, first, key=_end), len(held)):
            begin, _, generation = held[place]
            if begin >= end:
                return
            if (text := self._texts.get(generation)) is not None:
                yield text

    def _stretches(self, log: bytes) -> list[_Stretch]:
        held = self._written.get(log)
        if held is None:
            texts = self._texts.items()
            found = [(*each, of) for of, text in texts for each in text.stretches(log)]
            held = self._written[log] = sorted(found)
        return held

    def _settle(self, generation: Dot) -> None:
        text = self._texts[generation]
        if not text.loose and self.is_gone(generation):
            text.loosen()
        text.settle(self._known)
        self._waiting.discard(generation)
        if text.waits:
            self._waiting.add(generation)
        if not text:
            del self._texts[generation]
            self._generations.discard(generation.log, generation.clock, generation.clock + 1)


class Dots:
    """A sorted set of dots, of which a range of one log is found at once."""

    def __init__(self, dots: Iterable[Dot] = ()) -> None:
        self._dots = sorted(dots)

    def __iter__(self) -> Iterator[Dot]:
        return iter(self._dots)

    def __len__(self) -> int:
        return len(self._dots)

    def __contains__(self, dot: Dot) -> bool:
        return bool(self.between(dot.log, dot.clock, dot.clock + 1))

    def add(self, dot: Dot) -> None:
        """Put in one that is not there."""
        insort(self._dots, dot)

    def between(self, log: bytes, first: int, end: int) -> list[Dot]:
        """Return those of a range."""
        start, stop = self._range(log, first, end)
        return self._dots[start:stop]

    def discard(self, log: bytes, first: int, end: int) -> None:
        """Take out those of a range."""
        start, stop = self._range(log, first, end)
        del self._dots[start:stop]

    def _range(self, log: bytes, first: int, end: int) -> tuple[int, int]:
        return bisect_left(self._dots, (log, first)), bisect_left(self._dots, (log, end))


def _end(stretch: _Stretch) -> int:
    return stretch[1]


def _span(generation: Dot, interval: Interval) -> TextSpan:
    log, clock, end, (seq, hlc, payload_hash) = interval
    return TextSpan(generation, Dot(log, clock), end - clock, hlc, None, payload_hash, seq)


def _fits(length: int, text: str) -> bool:
    """Tell whether an insert holds the units that its record announced.

    A payload that matches its hash and not its record counts as dropped, all of it.
    """
    if len(units_of(text)) != length:
        return False
    return text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text)
