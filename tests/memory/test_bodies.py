"""Claims about collaborative texts on real replicas."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from engram_sync.api import Delete, Engram, Insert
from engram_sync.errors import PreconditionError, UsageError
from engram_sync.ledger import Draft
from engram_sync.model.ids import node_text
from engram_wire import SUPERSEDED_MAX, RecordKind, Reference, Span
from engram_wire import Edit as WireEdit
from engram_wire import EditInsert as WireInsert
from engram_wire.cbor import encode

from .desk import Desk, desks
from .meeting import agree, meet, the_conflict, written_by


async def text_of(desk: Desk, text: str) -> Engram:
    return await desk.remember(text, collaborative=True)


async def test_a_collaborative_text_is_shown_as_content_and_found_by_its_words() -> None:
    async with desks(2) as (ann, bob):
        e = await text_of(ann, "deploys go out on Tuesdays")
        assert (e.content, e.collaborative) == ("deploys go out on Tuesdays", True)
        await meet(ann, bob)
        e = await bob.update(await bob.get(e), edits=[Delete(18, 8), Insert(18, "Wednesdays")])
        assert e.content == "deploys go out on Wednesdays"
        assert await bob.found_contents("wednesdays") == [e.content]
        assert await bob.found_contents("tuesdays") == []
        assert (await agree(ann, bob, e)).content == e.content


async def test_edits_at_once_are_merged_and_none_is_lost() -> None:
    async with desks(3) as (ann, bob, cat):
        e = await text_of(ann, "one three")
        await meet(ann, bob, cat)
        await ann.update(e, edits=[Insert(4, "two ")])
        await bob.update(e, edits=[Insert(9, " four")])
        await cat.update(e, edits=[Delete(0, 4)])
        await meet(ann, bob, cat)
        assert (await agree(ann, bob, e)).content == "two three four"
        assert (await cat.get(e)).content == "two three four"
        assert await ann.conflicts() == []


@pytest.mark.parametrize(
    ("edits", "text"),
    [
        ([Insert(1, "x")], "ax😀b"),
        ([Insert(2, "x")], "a😀xb"),
        ([Delete(1, 1)], "ab"),
        ([Delete(1, 1), Insert(1, "é😀")], "aé😀b"),
        ([Insert(0, "1"), Insert(0, "2")], "21a😀b"),
        ([("insert", 3, "x"), ("delete", 0, 1)], "😀bx"),
        ([["insert", 3, "x"]], "a😀bx"),
        ([Insert(3, "xyz"), Delete(3, 3)], "a😀b"),
    ],
)
async def test_positions_count_characters_of_the_text_as_it_was_looked_at(
    edits: Sequence[Any], text: str
) -> None:
    async with desks() as (ann,):
        e = await text_of(ann, "a😀b")
        assert (await ann.update(e, edits=edits)).content == text


async def test_positions_mean_the_version_that_the_caller_saw() -> None:
    async with desks() as (ann,):
        old = await text_of(ann, "one two three")
        shorter = await ann.update(old, edits=[Delete(0, 4)])
        assert shorter.version != old.version
        newer = await ann.update(shorter, edits=[Insert(0, "zero ")])
        assert newer.content == "zero two three"
        assert (await ann.update(old, edits=[Delete(8, 5)])).content == "zero two "
        assert (await ann.update(shorter, edits=[Insert(0, "<")])).content in (
            "<zero two ",
            "zero <two ",
        )


async def test_positions_mean_the_version_also_when_something_was_only_deleted_since() -> None:
    async with desks() as (ann,):
        old = await text_of(ann, "one two three")
        await ann.update(old, edits=[Delete(0, 4)])
        assert (await ann.update(old, edits=[Delete(7, 6)])).content == "two"


@pytest.mark.parametrize(
    ("edits", "words"),
    [
        ([Insert(10, "x")], "edit 1 reaches beyond the text"),
        ([Insert(0, "x"), Delete(3, 2)], "edit 2 reaches beyond the text, which has 4"),
        ([Delete(-1, 1)], "beyond"),
        ([Delete(0, -1)], "beyond"),
        ([Delete(0, 3)], "needs content"),
        ([("replace", 0, "x")], "edit 1 cannot be"),
        ([("insert", 0, 7)], "edit 1 cannot be"),
        ([("insert", 0)], "edit 1 cannot be"),
        (["x"], "edit 1 cannot be"),
        ([Insert(0, "\ud800")], "Unicode"),
        ([Insert(0, "x" * 300_000)], "at most"),
        ([Insert(0, "x")] * 1025, "at most 1024"),
    ],
)
async def test_a_malformed_edit_is_refused_in_words(edits: Sequence[Any], words: str) -> None:
    async with desks() as (ann,):
        e = await text_of(ann, "one")
        with pytest.raises(UsageError, match=words):
            await ann.update(e, edits=edits)
        assert await ann.get(e) == e


async def test_only_collaborative_texts_are_edited() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one")
        with pytest.raises(UsageError, match="no collaborative text"):
            await ann.update(e, edits=[Insert(0, "x")])
        e = await text_of(ann, "one")
        with pytest.raises(UsageError, match="both"):
            await ann.update(e, content="two", edits=[Insert(0, "x")])


async def test_new_content_begins_another_text_instead_of_editing_the_old_one() -> None:
    async with desks(2) as (ann, bob):
        e = await text_of(ann, "one")
        await meet(ann, bob)
        await ann.update(e, content="first")
        await bob.update(e, content="second")
        shown = await agree(ann, bob, e)
        assert {s.value for s in shown.siblings} == {"first", "second"}
        (conflict,) = await ann.conflicts()
        assert (conflict.kind, conflict.field) == ("value", "content")
        assert (written_by(ann, conflict), written_by(bob, conflict)) == (["first"], ["second"])
        with pytest.raises(PreconditionError, match="side by side"):
            await ann.update(shown, edits=[Insert(0, "x")])
        settled = await ann.update(shown, content="both")
        assert (settled.content, settled.siblings) == ("both", ())
        assert (await agree(ann, bob, e)).content == "both"
        assert await bob.conflicts() == []
        assert (await bob.update(settled, edits=[Insert(4, "!")])).content == "both!"


async def test_equal_replacements_are_no_conflict() -> None:
    async with desks(2) as (ann, bob):
        e = await text_of(ann, "one")
        await meet(ann, bob)
        await ann.update(e, content="two")
        await bob.update(e, content="two")
        assert (await agree(ann, bob, e)).content == "two"
        assert await ann.conflicts() == []


async def test_an_edit_of_a_text_that_was_replaced_is_reported_and_can_be_settled() -> None:
    async with desks(2) as (ann, bob):
        e = await text_of(ann, "one")
        await meet(ann, bob)
        await ann.update(e, content="another")
        await bob.update(e, edits=[Insert(3, " more")])
        shown = await agree(ann, bob, e)
        assert shown.content == "another"
        (conflict,) = await ann.conflicts()
        assert (conflict.kind, conflict.field) == ("text", "content")
        assert {s.value for s in conflict.siblings} == {"another", " more"}
        assert " more" in {s.value for s in shown.siblings}
        settled = await bob.update(shown, edits=[Insert(7, " more")])
        assert settled.content == "another more"
        assert (await agree(ann, bob, e)).content == "another more"
        assert await ann.conflicts() == []


async def test_an_edit_of_a_text_that_is_gone_from_here_asks_to_look_again() -> None:
    async with desks() as (ann,):
        e = await text_of(ann, "one")
        await ann.update(e, content="two")
        with pytest.raises(PreconditionError, match="replaced since"):
            await ann.update(e, edits=[Insert(0, "x")])


async def test_a_deleted_text_comes_back_as_it_was_also_when_two_restore_it() -> None:
    async with desks(2) as (ann, bob):
        e = await text_of(ann, "one two")
        await meet(ann, bob)
        e = await bob.update(e, edits=[Delete(0, 4), Insert(0, "😀 ")])
        await meet(ann, bob)
        gone = await ann.forget(e, reason="old")
        assert gone.life == "deleted"
        await meet(ann, bob)
        for desk in (ann, bob):
            back = await desk.restore(gone)
            assert (back.content, back.life, back.collaborative) == ("😀 two", "active", True)
        back = await agree(ann, bob, e)
        assert back.content == "😀 two"
        assert await ann.conflicts() == []
        assert await bob.found_contents("two") == ["😀 two"]


async def test_an_edit_concurrent_with_a_delete_is_a_lifecycle_conflict() -> None:
    async with desks(2) as (ann, bob):
        e = await text_of(ann, "one")
        await meet(ann, bob)
        await ann.forget(e, reason="old")
        await bob.update(e, edits=[Insert(3, " two")])
        shown = await agree(ann, bob, e)
        assert shown.life == "deleted"
        conflict = await the_conflict(bob, "lifecycle")
        assert {(s.field, s.value, s.node) for s in conflict.siblings} == {
            ("life", "deleted: old", node_text(ann.public)),
            ("content", " two", node_text(bob.public)),
        }
        await ann.forget(shown, reason="still old")
        assert await ann.conflicts() == []
        await agree(ann, bob, e)


async def test_settling_that_lifecycle_conflict_keeps_the_memory_and_both_texts() -> None:
    async with desks(2) as (ann, bob):
        e = await text_of(ann, "one")
        await meet(ann, bob)
        await ann.forget(e)
        await bob.update(e, edits=[Insert(3, " two")])
        await meet(ann, bob)
        back = await bob.restore(await bob.get(e))
        assert (back.life, back.content, back.siblings) == ("active", "one two", ())
        assert (await agree(ann, bob, e)).content == "one two"


async def test_a_long_text_is_one_memory() -> None:
    async with desks() as (ann,):
        long = "😀" * 50_000 + "a" * 50_000
        e = await text_of(ann, long)
        assert e.content == long
        assert (await ann.update(e, edits=[Delete(1, 99_998)])).content == "😀a"


@pytest.mark.slow
async def test_a_long_text_is_deleted_in_as_many_edits_as_the_inserts_that_wrote_it_take() -> None:
    """No edit reaches over more inserts than SUPERSEDED_MAX, however many units they wrote."""

    async def edits(desk: Desk) -> int:
        stream = await desk.store.read(lambda r: list(r.stream_of(1, engram)))
        return sum(record.shape[0] == RecordKind.EDIT for _, record in stream)

    async with desks(2) as (ann, bob):
        e = await text_of(ann, "0123456789" * 200)
        engram = bytes.fromhex(e.id.replace("-", ""))
        e = await ann.update(e, edits=[Insert(0, "first "), Delete(506, 1_500)])
        assert e.content == "first " + "0123456789" * 50
        assert await edits(ann) == 2
        one = WireEdit(Reference(None, 0), (WireInsert(None, None, 2),), ())
        insert = Draft(RecordKind.EDIT, engram, (("x/body", encode("ab")),), edit=one)
        await ann.write(lambda _tx, _log: [insert] * SUPERSEDED_MAX)
        await ann.materialise_pending()
        before = await edits(ann)
        e = await ann.update(await ann.get(e), content="another")
        assert await edits(ann) - before == 3, "two to delete, one to write"
        assert (await agree(ann, bob, e)).content == "another"
        assert await bob.conflicts() == []


@pytest.mark.slow
async def test_an_edit_that_reaches_over_more_records_than_one_can_name_is_invalid() -> None:
    """A span of a few bytes reaches over as many records as there are units in it."""
    engram, body, one = bytes(16), Reference(None, 0), WireInsert(None, None, 1)
    begun = Draft(RecordKind.CREATE, engram, (("r/body", encode("")),))
    insert = Draft(
        RecordKind.EDIT, engram, (("x/body", encode("x")),), edit=WireEdit(body, (one,), ())
    )

    def deletion(*spans: Span) -> Callable[[object, bytes], list[Draft]]:
        draft = Draft(RecordKind.EDIT, engram, (), edit=WireEdit(body, (), spans))
        return lambda _tx, _log: [draft]

    async with desks() as (ann,):
        await ann.write(lambda _tx, _log: [begun, *[insert] * (SUPERSEDED_MAX + 1)])
        for spans in (
            [Span(None, 1, SUPERSEDED_MAX + 1)],
            [Span(None, 1, 100), Span(None, 101, SUPERSEDED_MAX - 99)],
        ):
            with pytest.raises(UsageError, match="text of more than 256 records"):
                await ann.write(deletion(*spans))
        await ann.write(deletion(Span(None, 1, SUPERSEDED_MAX)))
