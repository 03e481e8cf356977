"""The rules of validity that need more than the record itself, each with a log that breaks it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engram_wire import (
    Edit,
    EditInsert,
    LogDomain,
    RecordKind,
    Reference,
    Span,
    Superseded,
    branch_id,
    encode_ids,
    statement_shape,
)
from tests.ledger.forger import Forger
from tests.ledger.replica import create, engram_id
from tests.ledger.world import E, World

MEMBERS = LogDomain.MEMBERS
ERASE, SEAL, DELETE, JOIN = RecordKind.ERASE, RecordKind.SEAL, RecordKind.DELETE, RecordKind.JOIN
VOID = RecordKind.VOID
RATIFY = RecordKind.RATIFY


@dataclass(frozen=True)
class Rule:
    """The last record that ``make`` forges breaks the rule; all before it are valid."""

    problem: str
    """Part of what the error says."""
    make: Callable[[World], Forger]
    first: int = 1
    """Where the frame begins that breaks it."""


def members(w: World) -> Forger:
    return w.forger(w.ann, MEMBERS)


def own(clock: int, op: int = 0) -> Superseded:
    return Superseded(op, None, clock)


def put(w: World, name: str = "r/content") -> Forger:
    """Bob's log with one put of engram E, and Ann's records in its past."""
    return w.forger().add(name, engram=E, deps=[w.data])


def text(w: World) -> Forger:
    """Two generations in Bob's log, clocks 0 and 1, and three units of the first, clocks 2 to 4."""
    forger = put(w, "r/body").add("r/body", engram=E)
    return forger.add(engram=E, edit=edit(0, EditInsert(None, None, 3)))


def edit(generation: int, *inserts: EditInsert, deletes: Sequence[Span] = ()) -> Edit:
    return Edit(Reference(None, generation), inserts, tuple(deletes))


def between(left: int | None, right: int | None = None) -> EditInsert:
    ends = [None if at is None else Reference(None, at) for at in (left, right)]
    return EditInsert(ends[0], ends[1], 1)


def forked(w: World) -> tuple[Forger, Forger]:
    """Cay's membership allows nothing, so Bob forks: two logs of engram E from record 2 on."""
    one = Forger(w.bob, w.scope, number=5).add("r/content", engram=E)
    two = one.fork(1).add("r/content", engram=E)
    one.add("r/title", engram=E)
    for forger in (one, two):
        assert w.take(forger).rejection is None
    return one, two


def after_fork(w: World, seen: Sequence[int], name: Callable[[Forger], bytes]) -> Forger:
    """A record that has some of the branches in its past, and names something of the first."""
    branches = forked(w)
    deps = [branches[index].heads[2] for index in seen]
    dots = [Superseded(1, name(branches[0]), 1)]
    hlc = branches[0].records[-1].hlc + 100
    return w.forger().add("r/life", engram=E, kind=1, dots=dots, deps=deps, hlc=hlc)


def sealed(w: World, dots: Sequence[Superseded], engram: bytes = bytes(16)) -> Forger:
    """A new log of Bob's that seals; an older one of two records is in its past."""
    older = Forger(w.bob, w.scope, number=6).add("r/content").add("r/content")
    assert w.take(older, 1).rejection is None
    named = [d._replace(log=older.id) if d.log == b"older" else d for d in dots]
    hlc = older.records[-1].hlc + 100
    deps = [older.heads[2], w.data]
    return w.forger().add(kind=SEAL, engram=engram, dots=named, deps=deps, hlc=hlc)


def unstated(w: World) -> Forger:
    forger = w.forger()
    forger.auth = b"\xf6"
    return forger.add("r/content")


def relying_on(w: World, head: bytes) -> Forger:
    forger = w.forger()
    forger.auth = encode_ids([head])
    return forger.add("r/content")


def many_units(w: World) -> Forger:
    forger = put(w, "r/body")
    full = [EditInsert(None, None, 65536)] * 8
    for _ in range(4096):
        forger.add(engram=E, edit=edit(0, *full))
    return forger


def behind(w: World) -> Forger:
    """What Ann wrote after the position that Bob names."""
    older = w.data
    w.ann.write(w.scope, create(E))
    return w.forger().add("r/content", engram=E, dots=[w.dot(2)], deps=[older])


def belief_of(w: World, collection: str) -> Forger:
    """Bob replaces what Ann has put into a slot of her own."""
    anns = Forger(w.ann, w.scope).add(collection, engram=E)
    assert w.take(anns).rejection is None
    dots = [Superseded(0, anns.id, 0)]
    hlc = anns.records[-1].hlc + 100
    return w.forger().add(collection, engram=E, dots=dots, deps=[anns.heads[1]], hlc=hlc)


def named_own(w: World) -> Superseded:
    return Superseded(0, w.forger().id, 0)


def seal_of_members(w: World) -> Forger:
    """Ann's membership log is her own, and in the past of what relies on it."""
    log = w.ann.open(w.scope, MEMBERS)
    dots = [Superseded(0, log.id, log.seq)]
    return Forger(w.ann, w.scope).add(kind=SEAL, dots=dots)


def unseen_void(w: World) -> Forger:
    older = Forger(w.bob, w.scope, number=2).add("r/content").add("r/content")
    assert w.take(older, 1, 2).rejection is None
    dots = [Superseded(0, older.id, 2)]
    return w.forger().add(kind=VOID, dots=dots, deps=[older.heads[1]])


def unseen_generation(w: World) -> Forger:
    anns = Forger(w.ann, w.scope).add("r/body", engram=E)
    assert w.take(anns).rejection is None
    return put(w).add(engram=E, edit=Edit(Reference(anns.id, 0), (between(None),), ()))


def ratify(w: World, engram: bytes, *, again: bool = False) -> Forger:
    """Bob ratifies the second record of a log of his, of which the ratify has seen one."""
    older = Forger(w.bob, w.scope, number=2).add("r/content", engram=E).add("r/content", engram=E)
    assert w.take(older, 1, 2).rejection is None
    first = Superseded(0, older.id, 1)
    if not again:
        dots = [first._replace(clock=2 if engram == E else 1)]
        return w.forger().add(kind=RATIFY, engram=engram, dots=dots, deps=[older.heads[1]])
    between = Forger(w.bob, w.scope, number=3)
    between.add(kind=RATIFY, engram=E, dots=[first], deps=[older.heads[1]])
    assert w.take(between).rejection is None
    dots = [Superseded(0, between.id, 1)]
    return w.forger().add(kind=RATIFY, engram=E, dots=dots, deps=[between.heads[1]])


NOT_IN_PAST = "is not in the record's past"
NOT_HERE = "is not in this engram"
RULES: dict[str, Rule] = {
    # -- place ---------------------------------------------------------------------------------
    # -- membership ----------------------------------------------------------------------------
    "the first record of a data log states membership heads": Rule(
        "states no membership heads", unstated
    ),
    "auth names membership logs": Rule(
        "auth names a position of a data log", lambda w: relying_on(w, w.data)
    ),
    "an observer writes nothing": Rule("may not write", lambda w: w.forger(w.cay).add("r/content")),
    "a membership record depends on membership records": Rule(
        "depends on a log of the other domain",
        lambda w: members(w).add(kind=JOIN, deps=[w.members, w.data]),
    ),
    "a data record depends on data": Rule(
        "depends on a log of the other domain",
        lambda w: w.forger().add("r/content", deps=[w.members]),
    ),
    "a membership record has no auth": Rule(
        "names its heads in deps",
        lambda w: members(w).add(kind=JOIN, deps=[w.members], auth=[w.members]),
    ),
    "a membership record supersedes nothing": Rule(
        "supersedes dots", lambda w: members(w).add(kind=JOIN, dots=[w.dot(0)], deps=[w.members])
    ),
    # -- voids ---------------------------------------------------------------------------------
    "a void is in no engram": Rule(
        "a void in an engram", lambda w: w.forger().add(kind=VOID, engram=E, dots=[w.dot(0)])
    ),
    "a void is of own data logs": Rule(
        "a void of a log that is not another own data log",
        lambda w: w.forger().add(kind=VOID, dots=[w.dot(1)], deps=[w.data]),
    ),
    "a void names a position of its past": Rule("which its past has up to", unseen_void),
    "a ratify is in an engram": Rule("a ratify of no engram", lambda w: ratify(w, bytes(16))),
    "a ratify is of its engram": Rule("engram of its ratify", lambda w: ratify(w, engram_id(9))),
    "a ratify names records of its past": Rule("engram of its ratify", lambda w: ratify(w, E)),
    "a ratify is of own data logs": Rule(
        "a ratify of a log that is not another own data log",
        lambda w: w.forger().add(kind=RATIFY, engram=E, dots=[w.dot(1)], deps=[w.data]),
    ),
    "a ratify is not of a ratify": Rule("a ratify of a ratify", lambda w: ratify(w, E, again=True)),
    # -- kinds ---------------------------------------------------------------------------------
    "a membership log holds no changes": Rule(
        "in a membership log", lambda w: members(w).add("r/content", deps=[w.members])
    ),
    "a data log holds no statements": Rule(
        "in a data log", lambda w: w.forger().add(shape=statement_shape(17, []))
    ),
    "a join changes nothing": Rule(
        "a join changes", lambda w: put(w).add(kind=JOIN, dots=[own(0)])
    ),
    # -- dots ----------------------------------------------------------------------------------
    "a dot is in the declared past": Rule(
        NOT_IN_PAST, lambda w: w.forger().add("r/content", engram=E, dots=[w.dot(0)])
    ),
    "a dot is in the declared past, not only its log": Rule("dot 2 of log", behind),
    "the log of a dot exists": Rule(
        NOT_HERE, lambda w: put(w).add(engram=E, kind=1, dots=[Superseded(0, b"?" * 32, 0)])
    ),
    "a dot is one of the engram": Rule(
        NOT_HERE, lambda w: put(w).add("r/content", engram=engram_id(2), dots=[w.dot(1)])
    ),
    "a dot is one of the collection": Rule(
        "a put to r/title supersedes", lambda w: put(w).add("r/title", engram=E, dots=[w.dot(0)])
    ),
    "an own slot is one agent's": Rule(
        "another agent's", lambda w: put(w).add("o/confidence", engram=E, dots=[w.dot(1)])
    ),
    "a belief is one agent's": Rule("another agent's", lambda w: belief_of(w, "b/belief")),
    "a counter is one log's": Rule("another log's", lambda w: belief_of(w, "c/used")),
    "inserted text is deleted by edits only": Rule(
        "inserted text is superseded", lambda w: text(w).add(engram=E, kind=1, dots=[own(2)])
    ),
    "a delete removes what exists": Rule(
        NOT_HERE, lambda w: put(w).add("r/life", engram=E, kind=DELETE, dots=[w.dot(3)])
    ),
    "a delete removes something": Rule(
        "no dots", lambda w: put(w).add("r/life", engram=E, kind=DELETE, dots=[w.dot(0)])
    ),
    "a delete reaches no further than the declared past": Rule(
        NOT_IN_PAST, lambda w: w.forger().add("r/life", engram=E, kind=DELETE, dots=[w.dot(2)])
    ),
    # -- names ---------------------------------------------------------------------------------
    "the own log has one spelling": Rule(
        "spells out",
        lambda w: put(w).add("r/content", engram=E, kind=1, dots=[named_own(w)]),
    ),
    "a name means one branch": Rule(NOT_HERE, lambda w: after_fork(w, (0, 1), lambda one: one.id)),
    "a branch is named only beside another": Rule(
        "named as a branch", lambda w: after_fork(w, (0,), lambda one: branch_id(one.heads[2]))
    ),
    "a branch that is named is in the declared past": Rule(
        NOT_IN_PAST, lambda w: after_fork(w, (1,), lambda one: branch_id(one.heads[2]))
    ),
    # -- erasures ------------------------------------------------------------------------------
    "an erased record is in the declared past": Rule(
        NOT_IN_PAST,
        lambda w: Forger(w.ann, w.scope).add(
            kind=ERASE, engram=E, dots=[Superseded(0, w.log.id, 1)]
        ),
    ),
    "an erased record is before the erasure": Rule(
        "past and engram of its erasure", lambda w: put(w).add(kind=ERASE, engram=E, dots=[own(2)])
    ),
    "an erased record exists": Rule(
        "is not in the record's past",
        lambda w: put(w).add(kind=ERASE, engram=E, dots=[Superseded(0, w.log.id, 99)]),
    ),
    "an erased record is one of the engram": Rule(
        "past and engram of its erasure",
        lambda w: put(w).add(kind=ERASE, engram=engram_id(2), dots=[own(1)]),
    ),
    "only a leader erases what others wrote": Rule(
        "who does not lead",
        lambda w: put(w).add(kind=ERASE, engram=E, dots=[Superseded(0, w.log.id, 1)]),
    ),
    # -- seals ---------------------------------------------------------------------------------
    "a seal is no part of an engram": Rule(
        "a seal in an engram", lambda w: sealed(w, [Superseded(0, b"older", 2)], E)
    ),
    "a sealed log is the author's own": Rule(
        "own data log", lambda w: sealed(w, [Superseded(0, w.log.id, 3)])
    ),
    "a sealed log holds data": Rule("own data log", seal_of_members),
    "a log is sealed where the declared past ends": Rule(
        "which its past has up to", lambda w: sealed(w, [Superseded(0, b"older", 1)])
    ),
    "a sealed log is in the declared past": Rule(
        NOT_IN_PAST, lambda w: sealed(w, [Superseded(0, b"?" * 32, 1)])
    ),
    # -- edits ---------------------------------------------------------------------------------
    "an edited generation exists": Rule(
        NOT_HERE, lambda w: text(w).add(engram=E, edit=edit(9, between(None)))
    ),
    "an edited generation is a text": Rule(
        "an edit of a r/content", lambda w: put(w).add(engram=E, edit=edit(0, between(None)))
    ),
    "inserted text is no generation": Rule(
        "an edit of a x/body", lambda w: text(w).add(engram=E, edit=edit(2, between(None)))
    ),
    "an origin is text": Rule(
        "no text of the edited generation",
        lambda w: text(w).add(engram=E, edit=edit(0, between(0))),
    ),
    "an origin is text of the edited generation": Rule(
        "no text of the edited generation",
        lambda w: text(w).add(engram=E, edit=edit(1, between(None, 2))),
    ),
    "an origin is not inserted later": Rule(
        NOT_HERE,
        lambda w: text(w).add(engram=E, edit=edit(0, between(6), between(None))),
    ),
    "deleted text exists": Rule(
        NOT_HERE,
        lambda w: text(w).add(engram=E, edit=edit(0, deletes=[Span(None, 4, 2)])),
    ),
    "deleted text is of the edited generation": Rule(
        "no text of the edited generation",
        lambda w: text(w).add(engram=E, edit=edit(0, deletes=[Span(None, 1, 2)])),
    ),
    "an edited generation is in the declared past": Rule(
        NOT_IN_PAST,
        unseen_generation,
    ),
}
