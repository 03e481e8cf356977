"""Reading engrams: by reference, newest first, with their history, with their conflicts."""

from collections.abc import Iterator

from engram_sync.api import Conflict, Engram, Epistemic, HistoryEntry, Page, Scope
from engram_sync.api.arguments import Filters
from engram_sync.errors import NotFoundError, UsageError
from engram_sync.memory.state.engram_state import EngramState, load_state
from engram_sync.memory.state.recent import Recent
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.model.ids import engram_text, parse_ref
from engram_sync.model.life import LIVES
from engram_sync.model.limits import CANDIDATES_MIN, ITEM_BYTES, LOOKED_MAX, RESULTS_MAX
from engram_sync.store import EngramRow, Reader, ScopeRow

from .answers import Room, told_of
from .history import history
from .past_states import state_at
from .siblings import conflicts_of
from .views import show


def lives_wanted(filters: Filters) -> tuple[int, ...]:
    """The wanted states of life as rows store them.

    Raises:
        UsageError: There is no such state, or no such epistemic status.
    """
    stated = [str(status) for status in Epistemic]
    if filters.epistemic and filters.epistemic not in stated:
        raise UsageError(
            f"{filters.epistemic!r} is no epistemic status",
            hint=f"use one of: {', '.join(stated)}",
        )
    if filters.life is None or filters.life == "all":
        return tuple(range(len(LIVES)))
    names = [str(life) for life in LIVES]
    if filters.life not in names:
        raise UsageError(
            f"{filters.life!r} is no state of a memory",
            hint=f"use one of: {', '.join(names)}, all",
        )
    return (names.index(filters.life),)


def since_hlc(filters: Filters) -> int:
    """The least clock value wanted."""
    return max(filters.since_ms or 0, 0) << 16


def allows(filters: Filters, engram: Engram) -> bool:
    """Whether tags and type fit; the rest is decided from rows."""
    if filters.type is not None and engram.type != filters.type:
        return False
    if filters.epistemic == Epistemic.REPORTED:
        return engram.reported is not None and set(filters.tags).issubset(engram.tags)
    if filters.epistemic is not None and engram.epistemic != filters.epistemic:
        return False
    return set(filters.tags).issubset(engram.tags)


def select_scopes(reader: Reader, scope: str | None) -> list[ScopeRow]:
    """The scopes a filter means; without one, all but those of earlier agents.

    Raises:
        UsageError: It is neither a kind of scope nor the id of one held here.
    """
    rows = reader.scopes()
    if scope is None:
        return [row for row in rows if row.current]
    if scope in [str(kind) for kind in Scope]:
        return [row for row in rows if row.kind == scope and row.current]
    named = [row for row in rows if row.id.hex() == scope.strip().lower()]
    if not named:
        raise UsageError(
            f"{scope!r} is no scope held here",
            hint=f"use one of: {', '.join(str(kind) for kind in Scope)}",
        )
    return named


def check_limit(limit: int) -> int:
    """A limit on results that can be kept.

    Raises:
        UsageError: It is below one or above what one answer may hold.
    """
    if not 1 <= limit <= RESULTS_MAX:
        raise UsageError(f"limit must be between 1 and {RESULTS_MAX}, not {limit}")
    return limit


def resolve(snapshot: Snapshot, ref: str) -> EngramState:
    """The engram a full id or a unique prefix means; raises as ``find_row`` does."""
    row, scope = find_row(snapshot.reader, ref)
    return load_state(snapshot, scope, row)


def find_row(reader: Reader, ref: str) -> tuple[EngramRow, ScopeRow]:
    """The row of the engram that a full id or a unique prefix means, and that of its scope.

    Raises:
        UsageError: ``ref`` cannot be an id, or several ids begin with it.
        NotFoundError: No id begins with it.
    """
    digits = parse_ref(ref)
    rows = reader.find(digits, limit=4)
    scopes = {scope.n: scope for scope in reader.scopes()}
    if len({row.engram for row in rows}) > 1:
        shown = ", ".join(engram_text(row.engram) for row in rows[:3])
        raise UsageError(
            f"{ref!r} is the beginning of several ids: {shown}", hint="give more characters"
        )
    if not rows:
        raise NotFoundError(
            f"there is no memory {ref!r} here",
            hint="engram-sync list shows the newest ones; engram-sync sync fetches what is missing",
        )
    # One id in two scopes: the current scope is what a bare id means.
    row = min(rows, key=lambda r: (not scopes[r.scope].current, r.scope))
    return row, scopes[row.scope]


def find_exact(
    snapshot: Snapshot,
    scope: ScopeRow,
    engram: bytes,
    recent: Recent | None = None,
) -> EngramState | None:
    """The engram with this id in this scope, if it is there; ``recent`` is for the writer."""
    row = snapshot.reader.engram(scope.n, engram)
    if row is None:
        return None
    return load_state(snapshot, scope, row, recent)


def get(snapshot: Snapshot, ref: str) -> Engram:
    """One engram as it is now, deleted or not; raises as ``resolve`` does."""
    return show(snapshot, resolve(snapshot, ref))


def list_engrams(
    snapshot: Snapshot,
    *,
    limit: int = 50,
    filters: Filters | None = None,
    after: str | None = None,
    room: Room | None = None,
) -> Page[Engram]:
    """The newest engrams first, a page at a time.

    A page ends at the limit, where the answer is full, and after so many engrams were looked at
    that others wait for their turn; only the last page has no ``next``.

    Args:
        snapshot: What is read.
        limit: Results at most.
        filters: What to leave out; by default all but active ones.
        after: Id of the last engram of the previous page.
        room: What the answer may still hold.

    Raises:
        UsageError: A filter, the limit or ``after`` makes no sense.
        NotFoundError: There is no engram ``after``.
    """
    wanted = filters or Filters()
    start = None if after is None else resolve(snapshot, after).row
    found: list[Engram] = []
    room = room or Room()
    check_limit(limit)
    rows = _newest(snapshot.reader, wanted, start, max(limit, CANDIDATES_MIN))
    for looked, (row, scope) in enumerate(rows, 1):
        state = load_state(snapshot, scope, row)
        engram = show(snapshot, state)
        if allows(wanted, engram):
            if not room.takes(told_of(state, engram)):
                return Page(found, found[-1].id if found else after)
            found.append(engram)
        if len(found) == limit or looked == LOOKED_MAX:
            return Page(found, engram.id)
    return Page(found)


def engram_history(
    snapshot: Snapshot,
    ref: str,
    *,
    at_ms: int | None = None,
    limit: int = RESULTS_MAX,
    after: str | None = None,
) -> Page[HistoryEntry]:
    """The records of one engram, oldest first, a page at a time; raises as ``resolve`` does.

    Args:
        snapshot: What is read.
        ref: Which engram.
        at_ms: Only what had arrived here by then; None for all that is held.
        limit: Entries at most.
        after: ``next`` of the page before.

    Raises:
        UsageError: There is no record ``after``, or the limit makes no sense.
    """
    check_limit(limit)
    state: EngramState | None = resolve(snapshot, ref)
    assert state is not None
    if at_ms is not None:
        state = state_at(snapshot, state.scope, state.engram, at_ms)
    if state is None:
        return Page()
    return history(snapshot, state, at_ms, limit=limit, after=after)


def open_conflicts(
    snapshot: Snapshot,
    *,
    scope: str | None = None,
    limit: int = RESULTS_MAX,
    after: str | None = None,
) -> Page[Conflict]:
    """The open conflicts, of the most recently changed engram first, a page at a time.

    What strategies settle is none.

    Args:
        snapshot: What is read.
        scope: Of this scope only.
        limit: Conflicts at most.
        after: ``next`` of the page before.

    Raises:
        UsageError: ``after`` names no conflict, or the limit makes no sense.
    """
    check_limit(limit)
    page, room = _ConflictPage(limit, after), Room()
    for scope_row in select_scopes(snapshot.reader, scope):
        rows = snapshot.reader.conflicted(scope_row.n)
        # The numbers by which the store settles equal clocks differ between replicas.
        for row in sorted(rows, key=lambda r: (-r.hlc, r.engram)):
            if not page.reached(engram_text(row.engram)):
                continue
            state = load_state(snapshot, scope_row, row)
            for conflict in conflicts_of(snapshot, state):
                if not page.add(conflict, room):
                    return Page(page.found, page.last)
    page.check()
    return Page(page.found)


class _ConflictPage:
    """One page of conflicts, which begins behind another one.

    Args:
        limit: Conflicts at most.
        after: Engram and id of the conflict before; None for the first page.
    """

    def __init__(self, limit: int, after: str | None) -> None:
        self.found: list[Conflict] = []
        self.last = after
        self._limit = limit
        self._engram, _, self._conflict = (after or "").partition(":")
        self._engram_seen = self._begun = after is None

    def reached(self, engram: str) -> bool:
        """Whether the conflicts of an engram are of this page or at its beginning."""
        self._engram_seen = self._engram_seen or engram == self._engram
        if self._engram_seen and engram != self._engram:
            # The conflict before may have been settled meanwhile, with others of its engram.
            self._begun = True
        return self._engram_seen

    def add(self, conflict: Conflict, room: Room) -> bool:
        """Take one conflict; False when the page ends before it."""
        if not self._begun:
            self._begun = conflict.id == self._conflict
            return True
        told = sum(2 * len(s.value) + ITEM_BYTES for s in conflict.siblings)
        if len(self.found) == self._limit or not room.takes(told):
            return False
        self.found.append(conflict)
        self.last = f"{conflict.engram}:{conflict.id}"
        return True

    def check(self) -> None:
        """Raise UsageError when the page should have begun behind what is not there."""
        if not self._engram_seen:
            raise UsageError(
                f"there is no conflict {self.last!r} to go on from",
                hint="begin again, without --after",
            )


def _newest(
    reader: Reader, filters: Filters, after: EngramRow | None, page: int
) -> Iterator[tuple[EngramRow, ScopeRow]]:
    scopes = {scope.n: scope for scope in select_scopes(reader, filters.scope)}
    # One walk over all scopes or over one: several kinds of one scope's kind are rare and filtered.
    only = next(iter(scopes)) if len(scopes) == 1 else None
    while scopes:
        rows = reader.engrams(
            only, after=after, limit=page, life=lives_wanted(filters), since_hlc=since_hlc(filters)
        )
        for row in rows:
            if row.scope in scopes:
                yield row, scopes[row.scope]
        if len(rows) < page:
            return
        after = rows[-1]
