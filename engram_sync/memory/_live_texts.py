"""The collaborative texts of an engram that is changed in place; most engrams have none."""

from collections.abc import Mapping
from typing import NamedTuple

from engram_crdt import Change, DocumentError, Dot, EngramTexts, TextSpan
from engram_sync.conflicts import BODY, body_claims
from engram_sync.store import EngramRow, Reader, TextRow, Transaction

from ._authors import Authors
from ._damage import damaged
from ._shown_texts import encode_shown


class Settled(NamedTuple):
    """What the changes mean for the row of the engram."""

    digest_added: int
    """Negative where more has gone than come."""
    orphans: bool
    """Whether there is live text of generations that are gone."""
    groups: frozenset[bytes]
    """What has to be compared again."""


def load_texts(reader: Reader, authors: Authors, row: EngramRow, state: bytes) -> EngramTexts:
    """The texts of an engram with several records, from what ``EngramTexts.dump`` returned."""
    bodies = [Dot(authors.log_id(reader, log), clock) for log, clock in reader.bodies(row.n)]
    ends = {authors.log_id(reader, part.log): part.clock for part in reader.parts(row.n)}
    try:
        return EngramTexts.load(state, bodies, ends)
    except DocumentError as error:
        raise damaged(row.engram, error) from error


class LiveTexts:
    """What is stored of the texts, loaded once a change concerns them."""

    def __init__(self, tx: Transaction, authors: Authors, row: EngramRow) -> None:
        self._tx = tx
        self._authors = authors
        self._row = row
        self._stored = tx.text(row.n)
        self._texts: EngramTexts | None = None
        self._before: Mapping[Dot, str] = {}
        self._sources: set[tuple[int, int]] = set()
        self.gone: set[tuple[int, int]] = set()
        """(log, seq) of records of which no character is live any more."""
        self.changed = False

    def concerns(self, change: Change, *, bodies: bool) -> bool:
        """Whether a change can mean anything to the texts."""
        if change.edit is not None:
            return True
        held = self._stored is not None or self._texts is not None
        return held and bool(bodies or change.removed or change.until)

    def apply(self, change: Change, start: int) -> None:
        """Merge a change; called before the rows of its elements are changed."""
        if self._texts is None:
            state = b"\0" if self._stored is None else self._stored.state
            self._texts = load_texts(self._tx, self._authors, self._row, state)
            self._before = self._texts.texts()
            self._sources = self._of(self._texts.spans())
        self._texts.apply(change, start)
        self.changed = True

    def sources(self) -> set[tuple[int, int]]:
        """(log, seq) of the records of which characters are live."""
        if self._texts is None:
            if self._stored is None:
                return set()
            texts = load_texts(self._tx, self._authors, self._row, self._stored.state)
            return self._of(texts.spans())
        return self._of(self._texts.spans())

    def _of(self, spans: list[TextSpan]) -> set[tuple[int, int]]:
        return {(self._authors.log_number(self._tx, s.dot.log), s.seq) for s in spans}

    def finish(self) -> Settled:
        """Store the texts; the rows of elements are changed already."""
        if self._texts is None:
            left = self._stored is not None and bool(self._stored.orphans)
            return Settled(0, left, frozenset())
        orphans = self._texts.orphans()
        shown = self._texts.texts()
        groups = self._say(shown)
        self.gone = self._sources - self._of(self._texts.spans())
        state = self._texts.dump()
        if state == b"\0":
            self._tx.drop_text(self._row.n)
        else:
            view = encode_shown(shown, orphans)
            kept = TextRow(state, view, bool(orphans))
            self._tx.put_text(self._row.n, kept)
        change = self._texts.digest_change(self._row.engram)
        return Settled(change, bool(orphans), groups)

    def _say(self, shown: Mapping[Dot, str]) -> frozenset[bytes]:
        """Let the elements of the live generations say what their texts say now."""
        tx, n = self._tx, self._row.n
        groups: set[bytes] = set()
        for dot, text in shown.items():
            if self._before.get(dot, "") == text:
                continue
            log = self._authors.log_number(tx, dot.log)
            claims = body_claims(text)
            rows = tx.take_elements(n, {log: [dot.clock]})
            assert all(row.collection == BODY for row in rows)
            said = [row._replace(group=claims.group, value=claims.value) for row in rows]
            tx.put_elements(n, said)
            groups |= {claims.group} if claims.group is not None else set()
        return frozenset(groups)
