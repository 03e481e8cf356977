"""Every rule of validity, each broken once: the record that breaks it ends its log there.

What a frame shows by itself, shapes, limits and spellings, is broken in the tests of the wire; what
only a charter can say, in those of trust.
"""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

import engram_sync.ledger
from engram_sync.ledger import GapError, IngestBatch, MissingDependencyError
from engram_wire import (
    CloseCode,
    InvalidRecordError,
    LogDomain,
    RecordKind,
    SignatureError,
    WireError,
)
from tests.ledger.forger import Forger
from tests.ledger.rules import RULES, many_units, relying_on
from tests.ledger.world import World

MEMBERS = LogDomain.MEMBERS
ERASE, SEAL, DELETE, JOIN = RecordKind.ERASE, RecordKind.SEAL, RecordKind.DELETE, RecordKind.JOIN


def broken(name: str) -> tuple[Forger, IngestBatch]:
    world, rule = World(), RULES[name]
    forger = rule.make(world)
    signed = range(rule.first, len(forger.records))
    batch = world.ann.ledger.ingest_untrusted(
        forger.announcement,
        world.scope,
        forger.frame(rule.first, *signed),
        history=world.ann.shelf,
    )
    return forger, batch


@pytest.mark.parametrize("name", RULES)
def test_a_record_that_breaks_a_rule_ends_its_log(name: str) -> None:
    forger, batch = broken(name)
    last = len(forger.records)
    assert batch.rejection is not None, name
    assert RULES[name].problem in batch.problem
    assert (batch.rejection.seq, batch.rejection.code) == (last, CloseCode.INVALID_RECORD)
    assert (batch.rejection.log, batch.seq) == (forger.id, last - 1)


@pytest.mark.slow
def test_the_lengths_of_edits_do_not_use_up_the_clocks_of_a_log() -> None:
    """Each costs its author a few bytes, whether anybody ever gets the text or not."""
    world = World()
    forger = many_units(world)
    batches: list[IngestBatch] = []
    for first in range(1, 4098, 256):
        part = forger.upto(min(first + 255, 4097), first)
        batches.append(
            world.ann.ledger.ingest_untrusted(
                forger.announcement, world.scope, part, history=world.ann.shelf
            )
        )
        world.ann.shelf.put(batches[-1])
    assert [batch.rejection for batch in batches[:-1]] == [None] * 16
    assert batches[-1].rejection is not None
    assert "takes 2147483649 clocks of one engram" in batches[-1].problem
    assert batches[-1].rejection.seq == 4097


# -- what ends the session instead ----------------------------------------------------------------


def gap(w: World) -> None:
    forger = w.forger().add("r/content").add("r/content").add("r/content")
    w.ann.ledger.ingest_untrusted(
        forger.announcement, w.scope, forger.frame(3), history=w.ann.shelf
    )


def strange_key(w: World) -> None:
    forger = w.forger().add("r/content")
    forger.who = w.cay
    w.take(forger)


def strange_domain(w: World) -> None:
    forger = w.forger().add("r/content")
    forger.announcement = type(forger.announcement)(1, 2, w.bob.key, bytes(16))
    w.take(forger)


def elsewhere(w: World) -> None:
    scope = w.ann.found()
    w.take(w.forger().add("r/content", deps=[w.ann.open(scope, MEMBERS).head]))


SESSIONS: dict[str, tuple[type[WireError], CloseCode, Callable[[World], object]]] = {
    "a frame begins at the next record": (GapError, CloseCode.PROTOCOL, gap),
    "a frame is signed by its author": (SignatureError, CloseCode.SIGNATURE, strange_key),
    "a log has a known domain": (InvalidRecordError, CloseCode.INVALID_RECORD, strange_domain),
    "a dependency was sent before": (
        MissingDependencyError,
        CloseCode.PROTOCOL,
        lambda w: w.take(w.forger().add("r/content", deps=[b"?" * 32])),
    ),
    "membership heads were sent before": (
        MissingDependencyError,
        CloseCode.PROTOCOL,
        lambda w: w.take(relying_on(w, b"?" * 32)),
    ),
    "a dependency is of the same scope": (MissingDependencyError, CloseCode.PROTOCOL, elsewhere),
}


@pytest.mark.parametrize("name", SESSIONS)
def test_what_breaks_the_protocol_ends_the_session_and_changes_nothing(name: str) -> None:
    world = World()
    error, code, attempt = SESSIONS[name]
    before = None if name == "a dependency is of the same scope" else world.ann.state(world.scope)
    with pytest.raises(error) as caught:
        attempt(world)
    assert caught.value.code == code
    assert before in (None, world.ann.state(world.scope))


# -- the table is complete ------------------------------------------------------------------------


def said(node: ast.Raise) -> list[str]:
    """The constant parts of what an error says."""
    if not isinstance(node.exc, ast.Call) or not isinstance(node.exc.func, ast.Name):
        return []
    if node.exc.func.id != "InvalidRecordError":
        return []
    return [
        part.value
        for part in ast.walk(node.exc)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]


@pytest.mark.slow
def test_every_rule_is_in_the_table() -> None:
    folder = Path(engram_sync.ledger.__file__).parent
    sources = [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))]
    raises = [n for source in sources for n in ast.walk(ast.parse(source)) if type(n) is ast.Raise]
    rules = [parts for node in raises if (parts := said(node))]
    assert len(rules) > 20
    heard = [broken(name)[1].problem for name in RULES]
    # One is broken before there is any log, one at great length above, one in tests/memory.
    heard += ["a log of domain 2", "a log takes 1 clocks of one engram with edits"]
    heard += ["an edit deletes text of more than 1 records"]
    for parts in rules:
        assert any(all(part in problem for part in parts) for problem in heard), parts
