"""The collaborative texts of an engram that is changed in place; most engrams have none.

Their structure is not stored with every change: beside it stand the positions of the records that
changed it since, which are applied again when it is loaded.  Once that is too much work, for the
size of the structure, it is stored as it is.
"""

from collections.abc import Callable
from typing import NamedTuple

from engram_crdt import Change, DocumentError, Dot, EngramTexts
from engram_sync.memory.state.changes import change_of, inserted_by
from engram_sync.memory.state.log_directory import LogDirectory
from engram_sync.memory.state.shown_texts import encode_shown
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.memory.state.stored import StoredRecord, damaged, stored_in
from engram_sync.model.claims import body_claims
from engram_sync.model.limits import TEXT_REPLAYED_MIN, TEXT_REPLAYED_SHARE
from engram_sync.model.readings import BODY
from engram_sync.store import EngramRow, TextRow, Transaction
from engram_wire import Record


class Settled(NamedTuple):
    """What the changes mean for the row of the engram."""

    digest_added: int
    """Negative where more has gone than come."""
    orphans: bool
    """Whether there is live text of generations that are gone."""
    groups: frozenset[bytes]
    """What has to be compared again."""


def load_texts(snapshot: Snapshot, row: EngramRow) -> EngramTexts:
    """The texts of an engram with several records, from what is stored of them.

    Raises:
        CorruptError: It is damaged.
    """
    reader = snapshot.reader
    bodies = sorted(Dot(snapshot.log_id(log), clock) for log, clock in reader.bodies(row.n))
    stored, structure = reader.text(row.n), reader.text_structure(row.n)
    if stored is None or structure is None:
        return EngramTexts(bodies)
    state, since = structure
    end_of = ends_in(snapshot, row)
    work = 0
    try:
        texts = EngramTexts.load(state, end_of)
        for log, seq in since:
            (found,) = _found(snapshot, row, log, seq)
            change = change_of(found.log_id, found.record, found.naming)
            texts.apply(change, reader.first_clock(log, seq), end_of)
            work += _work_of(change)
    except (DocumentError, ValueError) as error:
        raise damaged(row.engram, error) from error
    if (texts.bodies, work) != (bodies, stored.since):
        raise damaged(row.engram, ValueError("its texts are not those of its elements"))
    texts.take_changes(row.engram)
    return texts


def _work_of(change: Change) -> int:
    """How much work it is to apply a change to texts."""
    edit = change.edit
    edited = 0 if edit is None else len(edit.inserts) + len(edit.deletes)
    return 1 + edited + len(change.removed) + len(change.until)


def recent_texts(snapshot: Snapshot, row: EngramRow) -> EngramTexts:
    """The texts of an engram with several records, for who is about to change them.

    Only the writer's jobs may ask; who gets them must not change them.
    """
    stored = snapshot.reader.text(row.n)
    texts = _taken(snapshot, row, stored)
    if stored is not None:
        snapshot.logs.texts.keep(row.n, stored.changed, texts)
    return texts


def _taken(snapshot: Snapshot, row: EngramRow, stored: TextRow | None) -> EngramTexts:
    kept = None if stored is None else snapshot.logs.texts.take(row.n, stored.changed)
    return load_texts(snapshot, row) if kept is None else kept


def ends_in(snapshot: Snapshot, row: EngramRow) -> Callable[[bytes], int]:
    """What tells how far an engram has read a log."""

    def end_of(log: bytes) -> int:
        part = snapshot.reader.part(row.n, snapshot.log_number(log))
        return 0 if part is None else part.clock

    return end_of


def _found(snapshot: Snapshot, row: EngramRow, log: int, seq: int) -> list[StoredRecord]:
    reader = snapshot.reader
    scope = reader.scope(row.scope)
    records = reader.records(log, seq, seq)
    return [] if scope is None else stored_in(snapshot, scope.id, log, records)


class LiveTexts:
    """What is stored of the texts, loaded once a change concerns them.

    Args:
        tx: The transaction.
        logs: Who wrote which log.
        row: The engram as it was before.
        change: Number of the change of the scope that is being made.
    """

    def __init__(self, tx: Transaction, logs: LogDirectory, row: EngramRow, change: int) -> None:
        self._tx = tx
        self._logs = logs
        self._row = row
        self._change = change
        self._stored = tx.text(row.n)
        self._texts: EngramTexts | None = None
        self._applied: list[tuple[int, int]] = []
        self._work = 0
        self._held = False
        self.gone: set[tuple[int, int]] = set()
        """(log, seq) of records of which no character is live any more."""

    @property
    def changed(self) -> bool:
        """Whether a change concerned them."""
        return bool(self._applied) or self._held

    def concerns(self, change: Change, *, bodies: bool) -> bool:
        """Whether a change can mean anything to the texts."""
        if change.edit is not None:
            return True
        held = self._stored is not None or self._texts is not None
        return held and bool(bodies or change.removed or change.until)

    def apply(self, change: Change, start: int, log: int) -> None:
        """Merge a change; called before the rows of its elements are changed.

        Args:
            change: The change.
            start: Its first clock.
            log: Number of its log.
        """
        ends = ends_in(Snapshot(self._tx, self._logs), self._row)
        self._loaded().apply(change, start, ends)
        self._applied.append((log, change.seq))
        self._work += _work_of(change)

    def hold(self, log: int, record: Record) -> None:
        """Follow that the payload of an edit came or went."""
        texts, start = self._loaded(), self._tx.first_clock(log, record.seq)
        texts.hold(self._logs.log_id(self._tx, log), start, inserted_by(record))
        self._held = True

    def _loaded(self) -> EngramTexts:
        if self._texts is None:
            self._texts = _taken(Snapshot(self._tx, self._logs), self._row, self._stored)
        return self._texts

    def is_live(self, log: int, seq: int) -> bool:
        """Whether a character of a record is live."""
        texts = self._texts
        if texts is None:
            if self._stored is None:
                return False
            texts = recent_texts(Snapshot(self._tx, self._logs), self._row)
        return texts.is_live(self._logs.log_id(self._tx, log), seq)

    def finish(self) -> Settled:
        """Store the texts; the rows of elements are changed already."""
        if self._texts is None:
            left = self._stored is not None and self._stored.orphans
            return Settled(0, bool(left), frozenset())
        texts, tx = self._texts, self._tx
        changes = texts.take_changes(self._row.engram)
        self.gone = {(self._logs.log_number(tx, log), seq) for log, seq in changes.gone}
        groups = self._say(texts, changes.touched)
        orphans = texts.orphans()
        if texts:
            view = encode_shown(texts.texts(), orphans)
            kept = TextRow(view, bool(orphans), self._change, self._store(texts))
            tx.put_text(self._row.n, kept)
            self._logs.texts.keep(self._row.n, self._change, texts)
        else:
            tx.drop_text(self._row.n)
        return Settled(changes.digest, bool(orphans), groups)

    def _store(self, texts: EngramTexts) -> int:
        """Store the structure, or what changed it; returns what applying that again takes."""
        n, stored = self._row.n, self._stored
        most = max(TEXT_REPLAYED_MIN, texts.pieces // TEXT_REPLAYED_SHARE)
        # What was erased must not stand in the structure either.
        if stored is None or self._held or stored.since + self._work > most:
            self._tx.put_text_structure(n, texts.dump())
            return 0
        self._tx.add_text_since(n, self._applied)
        return stored.since + self._work

    def _say(self, texts: EngramTexts, touched: frozenset[Dot]) -> frozenset[bytes]:
        """Let the elements of the live generations say what their texts say now."""
        tx, n = self._tx, self._row.n
        groups: set[bytes] = set()
        for dot in touched:
            text = texts.text(dot)
            if text is None:
                continue
            log = self._logs.log_number(tx, dot.log)
            claims = body_claims(text)
            rows = tx.take_elements(n, {log: [dot.clock]})
            assert all(row.collection == BODY for row in rows)
            said = [row._replace(group=claims.group, value=claims.value) for row in rows]
            tx.put_elements(n, said)
            groups |= {claims.group} if claims.group is not None else set()
        return frozenset(groups)
