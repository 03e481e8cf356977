"""What a member writes into one memory, or into very many."""

from collections.abc import Callable, Iterator
from itertools import count

from engram_wire import SUPERSEDED_MAX, Edit, EditInsert, RecordKind, Reference, Superseded

from ._cases import case
from ._forge import HLC_LAST, Forged, new_engram
from ._member import Member

VERSIONS_PER_LOG = 20


def _life(state: str) -> tuple[str, list[str]]:
    return "r/life", [state, ""]


# -- one memory ------------------------------------------------------------------------------------


@case(300, 4_000, "X1")
def deletes_of_one_memory(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log()
    for clock in range(size):
        seen = [Superseded(0, None, clock)] if clock else []
        log.add(target, [_life("deleted")], kind=RecordKind.DELETE, superseded=seen)
    yield log


@case(300, 4_000)
def archives_beside_each_other(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log()
    for _ in range(size):
        log.add(target, [_life("archived")], kind=RecordKind.ARCHIVE)
    yield log


@case(300, 4_500, "X8")
def values_beside_each_other(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log()
    for number in range(size):
        log.add(target, [("r/content", f"sibling {number}")])
    yield log


@case(60, 1_000, "X7")
def large_values_beside_each_other(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log()
    for number in range(size):
        log.add(target, [("r/content", f"{number} " + "x" * 200_000)])
    yield log


@case(200, 5_000, "X7")
def large_metadata(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log()
    for number in range(size):
        log.add(target, [("m/meta", [f"key {number}", "x" * 15_000])])
    yield log


@case(30, 2_000, "X8")
def logs_on_one_memory(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    for number in range(size):
        yield member.log().add(target, [("s/tags", f"tag {number}")])


@case(1, 1, "X8")
def a_clock_at_the_very_end(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    yield member.log().add(target, [("r/content", "from the end of time")], hlc=HLC_LAST)


@case(100, 2_000, "L8")
def dates_that_leave_every_clock_behind(
    member: Member, target: bytes, size: int
) -> Iterator[Forged]:
    """The newest records of the memory are from another age, as if all other clocks were wrong."""
    log = member.log()
    for number in range(size):
        log.add(target, [("r/title", f"of year {number}")], hlc=HLC_LAST // 2 + number)
    yield log


def _many(
    member: Member, target: bytes, size: int, put: Callable[[int], tuple[str, object]]
) -> Forged:
    log = member.log()
    numbers = count()
    for _ in range(size):
        puts = [put(next(numbers)) for _ in range(64)]
        log.add(target, puts)  # type: ignore[arg-type]
    return log


@case(30, 1_000, "X4")
def tags(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    yield _many(member, target, size, lambda n: ("s/tags", f"tag {n}"))


@case(30, 1_000, "X4")
def metadata_keys(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    yield _many(member, target, size, lambda n: ("m/meta", [f"key {n}", n]))


@case(30, 1_000, "X4")
def counters(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    yield _many(member, target, size, lambda n: (f"c/count{n}", n))


@case(30, 1_000, "X4")
def collections_that_nobody_knows(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    yield _many(member, target, size, lambda n: (f"s/unknown{n}", n))


@case(30, 1_000, "D6")
def beliefs(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    yield _many(member, target, size, lambda n: ("b/belief", ["it", f"is {n}", "so", True, 1.0]))


@case(30, 1_000)
def opinions_that_contradict_each_other(
    member: Member, target: bytes, size: int
) -> Iterator[Forged]:
    yield _many(member, target, size, lambda n: ("b/belief", ["it", "is", f"{n}", True, 1.0]))


@case(30, 1_000)
def events(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    yield _many(member, target, size, lambda n: ("l/events", f"event {n}"))


@case(10, 200)
def heads_of_a_skill(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    def head(n: int) -> tuple[str, object]:
        parents: list[bytes] = []
        return "k/skill", [n.to_bytes(8, "big"), parents, {"name": "s", "text": f"{n}"}]

    yield _many(member, target, size, head)


@case(20, 300)
def values_that_fit_no_schema(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    yield _many(member, target, size, lambda n: ("r/content", n))


@case(20, 200, "D6")
def a_record_that_supersedes_as_much_as_it_may(
    member: Member, target: bytes, size: int
) -> Iterator[Forged]:
    clock = SUPERSEDED_MAX
    log = _many(member, target, clock // 64, lambda n: ("s/tags", f"tag {n}"))
    for _ in range(size):
        seen = [Superseded(0, None, number) for number in range(clock - SUPERSEDED_MAX, clock)]
        log.add(target, [("s/tags", f"tag {clock}")], superseded=seen)
        clock += 1
    yield log


@case(200, 10_000, "L1")
def versions_of_one_memory(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log().add(target, [("r/content", "0")])
    for number in range(size):
        log.add(target, [("r/content", f"{number}")], superseded=[Superseded(0, None, number)])
    yield log


@case(200, 10_000, "L1")
def versions_that_go_on_from_log_to_log(
    member: Member, target: bytes, size: int
) -> Iterator[Forged]:
    """Each log replaces what the one before it said last, as nodes do that write in turn."""
    log = member.log().add(target, [("r/content", "first")])
    for number in range(size):
        seen = [Superseded(0, None, len(log.records) - 1)]
        if len(log.records) < VERSIONS_PER_LOG:
            log.add(target, [("r/content", f"{number}")], superseded=seen)
            continue
        yield log
        seen, deps = [Superseded(0, log.id, VERSIONS_PER_LOG - 1)], [log.head]
        log = member.log().add(target, [("r/content", f"{number}")], superseded=seen, deps=deps)
    yield log


@case(100, 4_000, "D7")
def a_text_nested_deep(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    engram = new_engram()
    log = member.log().add(engram, [("r/body", "text")], kind=RecordKind.CREATE)
    left: Reference | None = None
    for number in range(size):
        edit = Edit(Reference(None, 0), (EditInsert(left, None, 1),), ())
        log.add(engram, [("x/body", "x")], kind=RecordKind.EDIT, edit=edit)
        left = Reference(None, number + 1)
    yield log


@case(100, 4_000)
def text_inserted_at_the_front(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    engram = new_engram()
    log = member.log().add(engram, [("r/body", "text")], kind=RecordKind.CREATE)
    for number in range(size):
        right = Reference(None, number) if number else None
        edit = Edit(Reference(None, 0), (EditInsert(None, right, 1),), ())
        log.add(engram, [("x/body", "x")], kind=RecordKind.EDIT, edit=edit)
    yield log


# -- many memories ---------------------------------------------------------------------------------


@case(3_000, 200_000, "X6")
def tiny_memories(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log()
    for number in range(size):
        puts = [("r/content", f"{number}")]
        log.add(
            new_engram(),
            puts,
            kind=RecordKind.CREATE,
            marked=number % 128 == 127 or number == size - 1,
        )
    yield log


@case(100, 2_000, "X6")
def large_memories(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log()
    for number in range(size):
        log.add(new_engram(), [("r/content", f"{number} " + "x" * 100_000)], kind=RecordKind.CREATE)
    yield log


@case(1_000, 50_000)
def memories_of_logs_of_their_own(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    for number in range(size // 10):
        yield member.log().add(new_engram(), [("r/content", f"{number}")], kind=RecordKind.CREATE)


@case(200, 2_000, "X9", payloads=False)
def values_that_are_withheld(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log()
    for number in range(size):
        log.add(new_engram(), [("r/content", f"{number}")], kind=RecordKind.CREATE)
    yield log


@case(100, 4_000)
def a_memory_deleted_before_anybody_wrote_it(
    member: Member, target: bytes, size: int
) -> Iterator[Forged]:
    log = member.log()
    for _ in range(size):
        log.add(new_engram(), [_life("deleted")], kind=RecordKind.DELETE)
    yield log
