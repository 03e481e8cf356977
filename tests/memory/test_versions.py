"""Claims about version tokens: short, unambiguous, and the name of exactly what was shown."""

import base64

import pytest

from engram_sync.errors import PreconditionError, UsageError
from engram_sync.memory.read.versions import parse_version

from .desk import desks

GOOD = "v3." + base64.urlsafe_b64encode(bytes(30)).decode()


def test_a_version_is_parsed_into_what_it_says() -> None:
    data = bytes(range(30))
    named = parse_version(" v3." + base64.urlsafe_b64encode(data).decode() + "\n")
    assert named == (data[:16], int.from_bytes(data[16:22], "big"), data[22:])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v3.",
        "v2." + GOOD[3:],
        GOOD[3:],
        GOOD + "A",
        GOOD[:-1],
        GOOD[:-1] + "=",
        GOOD[:-1] + "é",
        GOOD[:-1] + " ",
        "v3." + "A" * 36,
        "v3." + "A" * 44,
        "v3." + "A" * 100_000,
    ],
)
def test_whatever_is_not_a_version_is_a_mistake_of_the_caller(text: str) -> None:
    with pytest.raises(UsageError, match="is not the version of a memory"):
        parse_version(text)


@pytest.mark.slow
async def test_a_version_stays_short_whatever_the_history() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one")
        for number in range(20):
            await ann.update(e, content=f"{number}")
            await bob.pull(ann)
            await bob.update(e.id, add_tags=(f"{number}",))
            await ann.pull(bob)
            e = await ann.get(e)
        assert len(e.version) == 43


async def test_the_current_version_is_understood_on_every_node() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.update(await ann.remember("one"), content="two")
        await bob.pull(ann)
        seen = await bob.get(e)
        assert seen.version[:24] == e.version[:24]
        changed = await bob.update(e.id, if_version=e.version, content="three")
        assert (changed.content, changed.siblings) == ("three", ())


async def test_an_old_version_replaces_what_it_showed_and_nothing_newer() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.update(await ann.remember("one", tags=("a",)), content="two")
        await bob.pull(ann)
        await bob.update(e.id, content="elsewhere")
        await ann.pull(bob)
        changed = await ann.update(e.id, if_version=e.version, content="mine", add_tags=("b",))
        assert sorted(s.value for s in changed.siblings) == ["elsewhere", "mine"]
        assert changed.tags == ("a", "b")


async def test_an_old_version_of_another_node_is_not_understood() -> None:
    async with desks(2) as (ann, bob):
        e = await ann.remember("one")
        await bob.pull(ann)
        await bob.update(e.id, content="two")
        with pytest.raises(PreconditionError, match="has changed since"):
            await bob.update(e.id, if_version=e.version, content="three")


async def test_a_version_of_another_memory_is_not_understood() -> None:
    async with desks() as (ann,):
        one, two = await ann.remember("one"), await ann.remember("two")
        with pytest.raises(PreconditionError, match="has changed since"):
            await ann.update(one.id, if_version=two.version, content="three")


async def test_two_views_differ_where_one_only_lacks_what_the_other_shows() -> None:
    async with desks() as (ann,):
        e = await ann.remember("one", tags=("a", "b"))
        fewer = await ann.update(e, remove_tags=("a",))
        assert fewer.version[:24] != e.version[:24]


async def test_forgetting_an_old_version_spares_what_came_after_it() -> None:
    async with desks() as (ann,):
        e = await ann.update(await ann.remember("one", tags=("a",)), add_tags=("b",))
        await ann.update(e.id, add_tags=("c",))
        left = await ann.forget(e.id, if_version=e.version)
        assert left.life == "deleted"
        assert left.tags == ("c",)
