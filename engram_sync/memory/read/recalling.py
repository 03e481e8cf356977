"""Recall: the engrams that best fit a question, the same on every replica with the same state."""

from collections.abc import Iterator

from engram_sync.api import Hit
from engram_sync.api.arguments import Filters
from engram_sync.memory.state.engram_state import load_state
from engram_sync.memory.state.snapshot import Snapshot
from engram_sync.model.limits import CANDIDATES_MIN
from engram_sync.store import EngramRow, Reader

from .answers import Room, outline, told_of
from .planner import Planner, split_terms
from .queries import (
    allows,
    check_limit,
    list_engrams,
    lives_wanted,
    select_scopes,
    since_hlc,
)
from .views import show

_DELETED = 2


def recall(
    snapshot: Snapshot,
    planner: Planner,
    query: str,
    *,
    limit: int = 10,
    filters: Filters | None = None,
) -> list[Hit]:
    """The engrams that share words with a question, best first.

    Any of the words may match, because nobody phrases a question as the answer was phrased.
    Equal scores go by the newest change, then by id.  A question without words gets the newest
    engrams with score 0.  Deleted engrams are never shown, whatever the filters say.

    Once the answer is full, hits are named without what they hold.

    Call ``flush_index`` first: what waits to be indexed is not found.

    Raises:
        UsageError: The question is too long, or a filter or the limit makes no sense.
    """
    reader = snapshot.reader
    wanted = filters or Filters()
    check_limit(limit)
    terms = split_terms(query)
    if not terms:
        engrams = list_engrams(snapshot, limit=limit, filters=wanted)
        return [Hit(engram, 0.0) for engram in engrams if engram.life != "deleted"]
    scopes = {scope.n: scope for scope in select_scopes(reader, wanted.scope)}
    # The index knows no scopes.  Naming them costs a join, and earlier agents' scopes are rare.
    within = None if len(scopes) == len(reader.scopes()) else set(scopes)
    lives = set(lives_wanted(wanted)) - {_DELETED}
    hits: list[Hit] = []
    room = Room()
    chosen = planner.plan(reader, terms)
    for row, score in _ranked(reader, chosen, within, wanted, limit):
        if row.life in lives:
            state = load_state(snapshot, scopes[row.scope], row)
            engram = show(snapshot, state)
            if allows(wanted, engram):
                fits = room.takes(told_of(state, engram))
                hits.append(Hit(engram if fits else outline(engram), score))
        if len(hits) == limit:
            break
    return hits


def _ranked(
    reader: Reader, terms: list[str], within: set[int] | None, filters: Filters, limit: int
) -> Iterator[tuple[EngramRow, float]]:
    """Matches in their final order, fetched in growing pages that never cut through a tie."""
    page = max(CANDIDATES_MIN, limit + 1)
    done = 0
    while terms:
        found = reader.search(terms, limit=page, scopes=within, since_hlc=since_hlc(filters))
        complete = len(found) < page
        if not complete:
            # The store may go on with equals of the last one: leave it for the next page.
            found = [match for match in found if match[1] < found[-1][1]]
        rows: list[tuple[float, int, bytes, EngramRow]] = []
        for n, rank in found[done:]:
            row = reader.engram_by_n(n)
            if row is not None:
                rows.append((rank, -row.hlc, row.engram, row))
        for rank, _, _, row in sorted(rows, key=lambda match: match[:3]):
            yield row, _score(rank)
        if complete:
            return
        done = max(done, len(found))
        page *= 4


def _score(rank: float) -> float:
    """BM25 (more negative is better) as a number in [0, 1)."""
    strength = max(-rank, 0.0)
    return strength / (1.0 + strength)
