"""Sessions against a model, whatever is sent, cut, damaged, repeated and delayed."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from engram_wire import ZSTD, Goodbye, Message, Ping, Role, Session, SyncResponse, SyncStatus
from tests.wire.session_world import OK_GOODBYE, BrokenClaimError, World
from tests.wire.test_messages import EXAMPLES

roles = st.sampled_from(Role)
sizes = st.integers(1, 300) | st.just(1 << 20)
WORDY = SyncResponse(1, SyncStatus.DATA, frame=b" ".join(b"%d" % n**3 for n in range(300)))
spoken = st.sampled_from(
    [WORDY, *(message for message in EXAMPLES if not isinstance(message, Goodbye))]
)


class SessionMachine(RuleBasedStateMachine):
    """Every step at any time."""

    capabilities: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self.capabilities)

    @rule(role=roles, size=sizes)
    def deliver(self, role: Role, size: int) -> None:
        self.world.deliver(role, size)

    @rule(role=roles, size=sizes)
    def deliver_the_answer_too(self, role: Role, size: int) -> None:
        self.world.deliver(role, 1 << 20)
        self.world.deliver(role.peer, size)

    @rule(role=roles, message=spoken)
    def send(self, role: Role, message: Message) -> None:
        self.world.send(role, message)

    @rule(ms=st.integers(-100_000, 100_000))
    def wait(self, ms: int) -> None:
        self.world.wait(ms)

    @rule(role=roles)
    def say_goodbye(self, role: Role) -> None:
        self.world.send(role, OK_GOODBYE)

    @rule(role=roles, at=st.integers(0, 4096), mask=st.integers(1, 255))
    def damage(self, role: Role, at: int, mask: int) -> None:
        self.world.damage(role, at, mask)

    @rule(role=roles, size=st.integers(1, 4096))
    def repeat(self, role: Role, size: int) -> None:
        self.world.repeat(role, size)

    @rule()
    def cut(self) -> None:
        self.world.cut()

    def teardown(self) -> None:
        self.world.settle()


class HonestMachine(SessionMachine):
    """The same on a link that only cuts."""

    damage = repeat = None  # type: ignore[assignment]  # rules are found by what the class holds


class CompressingMachine(SessionMachine):
    """The same with compressed messages."""

    capabilities = (ZSTD,)


@pytest.mark.slow
@pytest.mark.parametrize("machine", [SessionMachine, HonestMachine, CompressingMachine])
def test_sessions_do_what_the_model_does(machine: type[SessionMachine]) -> None:
    run_state_machine_as_test(
        machine, settings=settings(max_examples=20, stateful_step_count=30, deadline=None)
    )


def test_on_an_honest_link_everything_arrives() -> None:
    world = World()
    world.settle()
    for message in EXAMPLES[:5]:
        world.wait(7)
        for role in Role:
            world.send(role, message)
            world.deliver(role, 11)
    world.settle()
    assert [len(side.messages) for side in world.sides.values()] == [5, 5]
    world.send(Role.INITIATOR, OK_GOODBYE)
    world.settle()
    assert world.sides[Role.RESPONDER].messages[-1] == OK_GOODBYE


def test_the_model_notices_a_session_that_skips_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.settle()
    world.send(Role.INITIATOR, Ping(1))
    world.send(Role.INITIATOR, Ping(2))
    session = world.sides[Role.RESPONDER].whole
    original = Session.next_event

    def deaf(self: Session) -> object:
        event = original(self)
        return original(self) if self is session and event == Ping(1) else event

    monkeypatch.setattr(Session, "next_event", deaf)
    with pytest.raises(BrokenClaimError):
        world.settle()
