"""What a member does with its logs, and with what others own."""

from collections.abc import Iterator

from engram_wire import RecordKind, Superseded

from ._cases import case
from ._forge import Forged, new_engram
from ._member import Member

# -- dependencies, logs and forks ------------------------------------------------------------------


@case(12, 300, "X2")
def ancestors_without_number(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    """Each log depends on the newest position of all before it."""
    logs = [member.log().add(new_engram(), [("s/tags", "x")]) for _ in range(size)]
    yield from logs
    last = member.log()
    for _ in range(size):
        last.add(target, [("s/tags", "y")], deps=[log.head for log in logs[:64]])
        logs = [*logs[1:], logs[0]]
    yield last


@case(40, 1_000, "X3")
def wide_dependencies(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    heads: list[bytes] = []
    for _ in range(size):
        log = member.log().add(new_engram(), [("s/tags", "x")], deps=heads[-64:])
        heads.append(log.head)
        yield log


@case(300, 5_000, "D2")
def dependencies_that_nobody_signed(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    long = member.log()
    for number in range(size):
        long.add(new_engram(), [("s/tags", "x")], marked=number % 100 == 99 or number == size - 1)
    yield long
    deps = [head for n, head in enumerate(long.heads) if n > 0 and n % 100 != 0][:60]
    yield member.log().add(target, [("s/tags", "y")], deps=deps)


@case(100, 2_000)
def joins_of_everything(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    other = member.log()
    for _ in range(size):
        other.add(new_engram(), [("s/tags", "x")])
    yield other
    log = member.log()
    for number in range(1, size):
        log.add(bytes(16), kind=RecordKind.JOIN, deps=[other.heads[number]])
    yield log


@case(3, 100, "X10")
def dependencies_on_membership(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    for _ in range(size):
        yield member.log().add(new_engram(), [("s/tags", "x")], deps=member.membership)


@case(20, 300, "G1")
def finished_logs(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    """Each log ends the one before it."""
    before: Forged | None = None
    for number in range(size):
        log = member.log()
        if before is not None:
            ends = [Superseded(0, before.id, len(before.records))]
            log.add(bytes(16), kind=RecordKind.SEAL, superseded=ends, deps=[before.head])
        yield log.add(new_engram(), [("r/content", f"{number}")], kind=RecordKind.CREATE)
        before = log


def _fork(log: Forged, at: int, target: bytes, records: int) -> Forged:
    """The same log, continued in another way after position ``at``."""
    other = Forged.__new__(Forged)
    other.scope, other.author, other.incarnation = log.scope, log.author, log.incarnation
    other.id, other._auth, other.domain = log.id, log._auth, log.domain
    other.heads, other.records = log.heads[: at + 1], log.records[:at]
    for number in range(records):
        other.add(target, [("r/content", f"of another branch {number}")])
    return other


@case(50, 500, "D4")
def a_log_told_in_two_ways(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log()
    for number in range(2 * size):
        log.add(target, [("r/content", f"{number}")])
    yield log
    yield _fork(log, size, target, size)


@case(15, 200)
def branches_at_one_place(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log().add(target, [("r/content", "the trunk")])
    for number in range(size):
        yield _fork(log, 1, new_engram(), number % 3 + 1)


@case(15, 200)
def branches_at_many_places(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log()
    for number in range(size):
        log.add(target, [("r/content", f"{number}")])
    yield log
    for number in range(1, size):
        yield _fork(log, number, target, 1)


# -- what others own -------------------------------------------------------------------------------


@case(20, 500)
def erasures_of_what_others_wrote(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    for log, head in member.others[:size]:
        ends = [Superseded(0, log, 1)]
        yield member.log().add(target, kind=RecordKind.ERASE, superseded=ends, deps=[head])


@case(60, 2_000, "D5")
def erasures_of_its_own(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log()
    for number in range(size):
        engram = new_engram()
        log.add(engram, [("r/content", f"{number}")], kind=RecordKind.CREATE)
        log.add(engram, kind=RecordKind.ERASE, superseded=[Superseded(0, None, 2 * number + 1)])
    yield log


@case(5, 50)
def ends_of_the_logs_of_others(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    for log, head in member.others[:size]:
        ends = [Superseded(0, log, 1)]
        yield member.log().add(bytes(16), kind=RecordKind.SEAL, superseded=ends, deps=[head])


@case(5, 50, "P1")
def a_count_for_somebody_else(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.log()
    for number in range(size):
        log.add(target, [("c/done", [number.to_bytes(8, "big"), 1 << 53, 0])])
    yield log


@case(3, 50, "X11")
def roles_that_it_gives_itself(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    key = member.identity.public_key
    leads = [key, 3, member.scope, None, 0, None, None]
    for _ in range(size):
        yield member.statements().say(RecordKind.ADMIT, leads)
        yield member.statements().say(RecordKind.REVOKE, [key, []])
        yield member.statements().say(RecordKind.EPOCH, [1, bytes(32), []])


@case(3, 50, "X10")
def memories_that_rely_on_what_it_says_itself(
    member: Member, target: bytes, size: int
) -> Iterator[Forged]:
    for number in range(size):
        said = member.statements().say(RecordKind.LABEL, [member.identity.public_key])
        yield said
        log = Forged(member.scope, member.identity, [said.head])
        yield log.add(new_engram(), [("r/content", f"{number}")], kind=RecordKind.CREATE)


@case(20, 500, "U1")
def labels_that_nobody_can_read(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    log = member.statements()
    for number in range(size):
        label = chr(0x2000 + number % 0x70) * 20 + "\x1b[31m\u00a0\u3000"
        log.say(RecordKind.LABEL, [member.identity.public_key], label)
    yield log


@case(20, 500, "F1")
def kinds_of_tomorrow(member: Member, target: bytes, size: int) -> Iterator[Forged]:
    """Optional ones: what must be understood stops the scope, and says so."""
    log = member.log()
    for number in range(size):
        log.add(target, [("r/content", f"{number}")], kind=0x20 | 9)
    yield log


@case(20, 200)
def records_that_supersede_what_never_was(
    member: Member, target: bytes, size: int
) -> Iterator[Forged]:
    for number in range(size):
        never = [Superseded(0, None, 99)]
        yield member.log().add(target, [("r/content", f"{number}")], superseded=never)
