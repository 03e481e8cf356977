"""How drafts are written where the record's past has fewer branches than this node holds."""

import pytest

from engram_sync.log import NO_ENGRAM, Draft, LogState
from engram_wire import (
    Edit,
    Insert,
    RecordKind,
    Reference,
    Span,
    Superseded,
    branch_id,
    decode_edit_untrusted,
    decode_superseded_untrusted,
)
from tests.log.forger import Forger
from tests.log.replica import NOW_MS, Replica, update
from tests.log.world import World

E = bytes(15) + b"\x09"
FAR = NOW_MS + 10 * 365 * 86_400_000 << 16


class Ahead:
    """Bob wrote two texts, then one more; his other branch comes from ten years ahead.

    So what Ann writes has one branch in its past, though she holds both.
    """

    def __init__(self, forker: str = "bob") -> None:
        self.world = World()
        self.ann, self.scope = self.world.ann, self.world.scope
        who = self.world.bob if forker == "bob" else self.ann
        self.near = Forger(who, self.scope, number=3)
        self.near.add("r/content", engram=E).add("r/body", engram=E)
        far = self.near.fork(2).add("r/title", engram=E, hlc=FAR)
        self.near.add("r/content", engram=E)
        edit = Edit(Reference(None, 1), (Insert(None, None, 3),), ())
        self.near.add(engram=E, edit=edit)
        for forger in (self.near, far):
            assert self.world.take(forger).rejection is None
        self.ann.now_ms = (self.near.records[-1].hlc >> 16) + 1
        self.root = self.near.id
        self.branch = self.log(branch_id(self.near.heads[3]))
        self.far = self.log(branch_id(far.heads[3]))

    def log(self, name: bytes) -> LogState:
        log = self.ann.ledger.log_by_id(self.scope, name)
        assert log is not None
        return log

    def written(self, draft: Draft) -> tuple[Superseded, ...]:
        """How the draft was written; everybody takes it and means the same by it."""
        record = self.ann.write(self.scope, draft).records[-1]
        other = Replica("other")
        other.take_all(self.ann, self.scope)
        assert other.facts(self.scope) == self.ann.facts(self.scope)
        kind = record.shape[0]
        if kind == RecordKind.EDIT:
            return ()
        return decode_superseded_untrusted(record.superseded, kind=kind, puts=len(draft.puts))


@pytest.fixture
def ahead() -> Ahead:
    return Ahead()


def test_a_dot_of_the_branch_counts_from_the_root(ahead: Ahead) -> None:
    written = ahead.written(update(E, Superseded(0, ahead.branch.id, 0)))
    assert written == (Superseded(0, ahead.root, 2),)


def test_a_dot_from_the_future_is_left_out(ahead: Ahead) -> None:
    dots = [Superseded(1, ahead.far.id, 0), Superseded(0, ahead.root, 0)]
    assert ahead.written(update(E, *dots)) == (Superseded(0, ahead.root, 0),)


def delete(*ends: Superseded) -> Draft:
    return Draft(RecordKind.DELETE, E, (("r/life", b"\x60"),), ends)


def test_a_delete_counts_trunk_and_branch_together(ahead: Ahead) -> None:
    ends = [Superseded(0, ahead.root, 2), Superseded(0, ahead.branch.id, 4)]
    ends.append(Superseded(0, ahead.far.id, 1))
    assert ahead.written(delete(*ends)) == (Superseded(0, ahead.root, 6),)


def test_a_delete_takes_no_more_of_the_trunk_than_the_draft_says(ahead: Ahead) -> None:
    """Whoever had not seen all of the trunk had not seen the branch."""
    ends = [Superseded(0, ahead.root, 1), Superseded(0, ahead.branch.id, 1)]
    assert ahead.written(delete(*ends)) == (Superseded(0, ahead.root, 1),)


def test_an_edit_counts_from_the_root(ahead: Ahead) -> None:
    name = ahead.branch.id
    edit = Edit(
        Reference(ahead.root, 1),
        (Insert(Reference(name, 1), Reference(name, 2), 1),),
        (Span(name, 2, 2),),
    )
    draft = Draft(RecordKind.EDIT, E, (("x/body", b"\x61x"),), edit=edit)
    ahead.written(draft)
    record = ahead.ann.shelf.records(ahead.ann.open(ahead.scope).n, 4, 4)[0]
    written = decode_edit_untrusted(record.superseded, puts=1)
    assert written.generation == Reference(ahead.root, 1)
    assert written.inserts[0][:2] == (Reference(ahead.root, 3), Reference(ahead.root, 4))
    assert written.deletes == (Span(ahead.root, 4, 2),)


def test_an_erasure_names_positions_which_are_the_same_in_every_branch(ahead: Ahead) -> None:
    places = (Superseded(0, ahead.root, 1), Superseded(0, ahead.branch.id, 3))
    written = ahead.written(
        Draft(RecordKind.ERASE, E, (), (*places, Superseded(0, ahead.far.id, 3)))
    )
    assert written == (Superseded(0, ahead.root, 1), Superseded(0, ahead.root, 3))


def test_a_seal_names_the_path_once_where_it_ends() -> None:
    ahead = Ahead("ann")
    ends = (Superseded(0, ahead.root, 2), Superseded(0, ahead.branch.id, 4))
    draft = Draft(RecordKind.SEAL, NO_ENGRAM, (), (*ends, Superseded(0, ahead.far.id, 3)))
    assert ahead.written(draft) == (Superseded(0, ahead.root, 4),)
    sealed = {entry.log for entry in ahead.ann.ledger.sealed(ahead.scope)}
    assert sealed == {ahead.root, ahead.branch.id}
