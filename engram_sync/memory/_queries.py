"""Reading engrams: by reference, newest first, with their history, with their conflicts."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from engram_sync.errors import NotFoundError, UsageError
from engram_sync.results import Conflict, Engram, Epistemic, HistoryEntry, Scope
from engram_sync.store import EngramRow, Reader, ScopeRow

from ._authors import Authors
from ._history import history
from ._ids import engram_text, parse_ref
from ._limits import CANDIDATES_MIN, RESULTS_MAX
from ._past_states import state_at
from ._siblings import conflicts_of
from ._state import LIVES, EngramState, load_state
from ._strategies import MVR, Strategies
from ._views import show


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What ``recall`` and ``list`` leave out."""

    tags: Collection[str] = ()
    """Only engrams that have all of these."""
    type: str | None = None
    """Only engrams of this type."""
    scope: str | None = None
    """Only engrams of this node's scope of this kind, or of the scope with this id."""
    since_ms: int | None = None
    """Only engrams changed at or after this time."""
    life: str = "active"
    """active, archived, deleted or all."""
    epistemic: str | None = None
    """Only engrams of this epistemic status, empty for those of none; reported selects hearsay,
    whatever its author stated."""

    def lives(self) -> tuple[int, ...]:
        """The wanted states of life as rows store them.

        Raises:
            UsageError: There is no such state, or no such epistemic status.
        """
        stated = [str(status) for status in Epistemic]
        if self.epistemic and self.epistemic not in stated:
            raise UsageError(
                f"{self.epistemic!r} is no epistemic status",
                hint=f"use one of: {', '.join(stated)}",
            )
        if self.life == "all":
            return tuple(range(len(LIVES)))
        names = [str(life) for life in LIVES]
        if self.life not in names:
            raise UsageError(
                f"{self.life!r} is no state of a memory",
                hint=f"use one of: {', '.join(names)}, all",
            )
        return (names.index(self.life),)

    def since_hlc(self) -> int:
        """The least clock value wanted."""
        return max(self.since_ms or 0, 0) << 16

    def allow(self, engram: Engram) -> bool:
        """Whether tags and type fit; the rest is decided from rows."""
        if self.type is not None and engram.type != self.type:
            return False
        if self.epistemic == Epistemic.REPORTED:
            return engram.reported is not None and set(self.tags).issubset(engram.tags)
        if self.epistemic is not None and engram.epistemic != self.epistemic:
            return False
        return set(self.tags).issubset(engram.tags)


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


def resolve(reader: Reader, authors: Authors, ref: str) -> EngramState:
    """The engram a full id or a unique prefix means.

    Raises:
        UsageError: ``ref`` cannot be an id, or several ids begin with it.
        NotFoundError: No id begins with it.
    """
    digits = parse_ref(ref)
    rows = [row for row in reader.find(digits, limit=4) if row.life < len(LIVES)]
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
    return load_state(reader, authors, scopes[row.scope], row)


def find_exact(
    reader: Reader, authors: Authors, scope: ScopeRow, engram: bytes
) -> EngramState | None:
    """The engram with this id in this scope, if it is there."""
    row = reader.engram(scope.n, engram)
    if row is None or row.life >= len(LIVES):
        return None  # Beyond the states of life: its records are all from the future.
    return load_state(reader, authors, scope, row)


def get(reader: Reader, authors: Authors, ref: str, *, strategies: Strategies = MVR) -> Engram:
    """One engram as it is now, deleted or not; raises as ``resolve`` does."""
    return show(reader, authors, resolve(reader, authors, ref), strategies)


def list_engrams(
    reader: Reader,
    authors: Authors,
    *,
    limit: int = 50,
    filters: Filters | None = None,
    after: str | None = None,
    strategies: Strategies = MVR,
) -> list[Engram]:
    """The newest engrams first.

    Args:
        reader: The store.
        authors: Who wrote which log.
        limit: Results at most.
        filters: What to leave out; by default all but active ones.
        after: Id of the last engram of the previous page.
        strategies: By which the reader reads.

    Raises:
        UsageError: A filter, the limit or ``after`` makes no sense.
        NotFoundError: There is no engram ``after``.
    """
    wanted = filters or Filters()
    start = None if after is None else resolve(reader, authors, after).row
    found: list[Engram] = []
    check_limit(limit)
    for row, scope in _newest(reader, wanted, start, max(limit, CANDIDATES_MIN)):
        engram = show(reader, authors, load_state(reader, authors, scope, row), strategies)
        if wanted.allow(engram):
            found.append(engram)
        if len(found) == limit:
            break
    return found


def engram_history(
    reader: Reader, authors: Authors, ref: str, *, at_ms: int | None = None
) -> list[HistoryEntry]:
    """Every record of one engram, oldest first; raises as ``resolve`` does.

    Args:
        reader: The store.
        authors: Who wrote which log.
        ref: Which engram.
        at_ms: Only what had arrived here by then; None for all that is held.
    """
    state = resolve(reader, authors, ref)
    if at_ms is None:
        return history(reader, authors, state)
    then = state_at(reader, authors, state.scope, state.engram, at_ms)
    return [] if then is None else history(reader, authors, then, at_ms)


def open_conflicts(
    reader: Reader,
    authors: Authors,
    *,
    scope: str | None = None,
    strategies: Strategies = MVR,
) -> list[Conflict]:
    """Every open conflict, of the most recently changed engram first.

    What ``strategies`` settle is none.
    """
    found: list[Conflict] = []
    for scope_row in select_scopes(reader, scope):
        rows = reader.conflicted(scope_row.n)
        # The numbers by which the store settles equal clocks differ between replicas.
        for row in sorted(rows, key=lambda r: (-r.hlc, r.engram)):
            state = load_state(reader, authors, scope_row, row)
            found += conflicts_of(reader, authors, state, strategies)
    return found


def _newest(
    reader: Reader, filters: Filters, after: EngramRow | None, page: int
) -> Iterator[tuple[EngramRow, ScopeRow]]:
    scopes = {scope.n: scope for scope in select_scopes(reader, filters.scope)}
    # One walk over all scopes or over one: several kinds of one scope's kind are rare and filtered.
    only = next(iter(scopes)) if len(scopes) == 1 else None
    while scopes:
        rows = reader.engrams(
            only, after=after, limit=page, life=filters.lives(), since_hlc=filters.since_hlc()
        )
        for row in rows:
            if row.scope in scopes:
                yield row, scopes[row.scope]
        if len(rows) < page:
            return
        after = rows[-1]
