"""How drafts are written where a log of their scope is forked: each branch by its own name."""

import pytest

from engram_sync.ledger import NO_ENGRAM, Draft, LogState
from engram_wire import (
    Edit,
    EditInsert,
    RecordKind,
    Reference,
    Span,
    Superseded,
    branch_id,
    decode_edit_untrusted,
    decode_superseded_untrusted,
)
from tests.ledger.forger import Forger
from tests.ledger.replica import Replica, update
from tests.ledger.world import World

E = bytes(15) + b"\x09"


class Ahead:
    """Somebody wrote two texts, then one more on one branch and a title on the other."""

    def __init__(self, forker: str = "bob") -> None:
        self.world = World()
        self.ann, self.scope = self.world.ann, self.world.scope
        who = self.world.bob if forker == "bob" else self.ann
        self.near = Forger(who, self.scope, number=3)
        self.near.add("r/content", engram=E).add("r/body", engram=E)
        far = self.near.fork(2).add("r/title", engram=E)
        self.near.add("r/content", engram=E)
        edit = Edit(Reference(None, 1), (EditInsert(None, None, 3),), ())
        self.near.add(engram=E, edit=edit)
        for forger in (self.near, far):
            assert self.world.take(forger).rejection is None
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


def test_a_dot_of_a_branch_counts_from_its_beginning(ahead: Ahead) -> None:
    dots = (Superseded(0, ahead.branch.id, 0),)
    assert ahead.written(update(E, *dots)) == dots


def delete(*ends: Superseded) -> Draft:
    return Draft(RecordKind.DELETE, E, (("r/life", b"\x60"),), ends)


def test_a_delete_names_trunk_and_branches(ahead: Ahead) -> None:
    ends = [Superseded(0, ahead.root, 1), Superseded(0, ahead.branch.id, 4)]
    ends.append(Superseded(0, ahead.far.id, 1))
    assert set(ahead.written(delete(*ends))) == set(ends)


def test_an_edit_names_the_branch_that_its_origins_are_of(ahead: Ahead) -> None:
    name = ahead.branch.id
    edit = Edit(
        Reference(ahead.root, 1),
        (EditInsert(Reference(name, 1), Reference(name, 2), 1),),
        (Span(name, 2, 2),),
    )
    draft = Draft(RecordKind.EDIT, E, (("x/body", b"\x61x"),), edit=edit)
    ahead.written(draft)
    record = ahead.ann.shelf.records(ahead.ann.open(ahead.scope).n, 4, 4)[0]
    written = decode_edit_untrusted(record.superseded, puts=1)
    assert written.generation == Reference(ahead.root, 1)
    assert written.inserts[0][:2] == (Reference(name, 1), Reference(name, 2))
    assert written.deletes == (Span(name, 2, 2),)


def test_an_erasure_names_positions(ahead: Ahead) -> None:
    places = [Superseded(0, ahead.root, 1), Superseded(0, ahead.branch.id, 3)]
    places.append(Superseded(0, ahead.far.id, 3))
    written = ahead.written(Draft(RecordKind.ERASE, E, (), tuple(places)))
    assert set(written) == set(places)


def test_a_seal_names_each_branch_where_it_ends() -> None:
    ahead = Ahead("ann")
    ends = [Superseded(0, ahead.branch.id, 4), Superseded(0, ahead.far.id, 3)]
    draft = Draft(RecordKind.SEAL, NO_ENGRAM, (), tuple(ends))
    assert set(ahead.written(draft)) == set(ends)
    sealed = {entry.log for entry in ahead.ann.ledger.sealed(ahead.scope)}
    assert sealed == {ahead.root, ahead.branch.id, ahead.far.id}
