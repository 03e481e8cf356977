"""Tokens that people paste, and what a leader does about a join request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_sync.errors import DeniedError, LocalError, UsageError
from engram_sync.membership import (
    NOT_HERE,
    Grant,
    InviteToken,
    JoinDecision,
    MemberRole,
    SignedGrant,
    admit_draft,
    judge_join_untrusted,
    make_invite,
    parse_token,
)
from engram_wire import JoinRequest, LogDomain, WireError, cbor
from tests.ledger.replica import NOW_MS, Replica

SESSION = b"s" * 32
LATER_MS = NOW_MS + 900_000


def invite(ann: Replica, scope: bytes, **changes: object) -> InviteToken:
    options: dict[str, object] = {
        "issuer": ann.key,
        "secret_key": ann.secret,
        "seed": b"i" * 32,
        "role": MemberRole.MEMBER,
        "expires_ms": LATER_MS,
        "uses": 1,
        "addresses": ("192.168.1.20:7463", "[fe80::1]:7463"),
    }
    return make_invite(scope, **{**options, **changes})  # type: ignore[arg-type]  # options by name


def text() -> str:
    ann = Replica("ann")
    return invite(ann, ann.found()).text()


# -- tokens ------------------------------------------------------------------------------------


def test_a_token_carries_what_the_joiner_needs() -> None:
    ann = Replica("ann")
    scope = ann.found()
    token = parse_token(invite(ann, scope).text(), now_ms=NOW_MS)
    assert token == invite(ann, scope)
    assert (token.scope, token.issuer, token.addresses) == (
        scope,
        ann.key,
        ("192.168.1.20:7463", "[fe80::1]:7463"),
    )
    assert token.grant == Grant(scope, token.grant.invite, MemberRole.MEMBER, LATER_MS, 1)


def test_a_token_is_one_word_that_survives_line_breaks() -> None:
    token = text()
    assert token.startswith("engram2.")
    assert token.replace("engram2.", "").replace("-", "").replace("_", "").isalnum()
    broken = "  " + "\r\n ".join(token[i : i + 60] for i in range(0, len(token), 60)) + "\n"
    assert parse_token(broken, now_ms=NOW_MS).text() == token


def test_the_secret_of_a_token_is_not_shown_by_accident() -> None:
    token = parse_token(text(), now_ms=NOW_MS)
    assert "i" * 8 not in repr(token)
    assert (b"i" * 32).hex() not in repr(token)


@given(st.data())
def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    token = text()
    at = data.draw(st.integers(len("engram2."), len(token) - 1))
    alphabet = "ABCxyz0189-_"
    other = data.draw(st.sampled_from([c for c in alphabet if c != token[at]]))
    with pytest.raises(UsageError) as caught:
        parse_token(token[:at] + other + token[at + 1 :], now_ms=NOW_MS)
    assert "copy it again" in caught.value.hint


@given(st.integers(1, 200))
def test_a_token_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(UsageError):
        parse_token(text()[:-cut], now_ms=NOW_MS)


@pytest.mark.parametrize(
    ("token", "message", "hint"),
    [
        ("", "empty", "engram-sync invite"),
        ("   \n", "empty", "engram-sync invite"),
        ("https://example.com", "not an invite", "starts with engram2."),
        ("engram1.AAAA", "another version", "upgrade"),
        ("engram2.", "incomplete", "copy it again"),
        ("engram2.***", "incomplete", "copy it again"),
        ("engram2.ü", "incomplete", "copy it again"),
        ("engram2." + "A" * 9000, "incomplete", "copy it again"),
    ],
)
def test_what_is_no_token_is_told_apart(token: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_token(token, now_ms=NOW_MS)
    assert hint in caught.value.hint


def test_an_expired_token_says_so_and_what_to_do() -> None:
    with pytest.raises(DeniedError, match="expired 1 s ago") as caught:
        parse_token(text(), now_ms=LATER_MS + 1000)
    assert "engram-sync invite" in caught.value.hint
    assert parse_token(text(), now_ms=LATER_MS).text() == text()


def retold(token: InviteToken, **parts: object) -> str:
    """The token with other parts, its checksum in order."""
    return InviteToken(
        **{  # type: ignore[arg-type]  # parts by name
            "scope": token.scope,
            "seed": token.seed,
            "addresses": token.addresses,
            "signed": token.signed,
            "grant": token.grant,
            **parts,
        }
    ).text()


def test_a_token_that_its_issuer_has_not_signed_is_denied() -> None:
    ann, eve = Replica("ann"), Replica("eve")
    token = invite(ann, ann.found())
    better = Grant(token.scope, token.grant.invite, MemberRole.LEADER, LATER_MS, 1)
    for signed in (
        SignedGrant(eve.key, token.signed.grant, token.signed.signature),
        SignedGrant(ann.key, better.encode(), token.signed.signature),
        SignedGrant(b"short", token.signed.grant, token.signed.signature),
    ):
        with pytest.raises(DeniedError, match="not issued"):
            parse_token(retold(token, signed=signed), now_ms=NOW_MS)


def test_a_token_for_another_scope_or_seed_than_its_grant_is_denied() -> None:
    ann = Replica("ann")
    token = invite(ann, ann.found())
    for parts in ({"scope": bytes(32)}, {"seed": b"j" * 32}):
        with pytest.raises(DeniedError, match="not issued"):
            parse_token(retold(token, **parts), now_ms=NOW_MS)


@pytest.mark.parametrize("parts", [{"addresses": (7,)}, {"seed": b"short"}, {"scope": None}])
def test_a_token_of_another_make_is_told_apart_from_a_garbled_one(parts: dict[str, object]) -> None:
    ann = Replica("ann")
    with pytest.raises(UsageError, match="cannot read"):
        parse_token(retold(invite(ann, ann.found()), **parts), now_ms=NOW_MS)


@given(st.text())
def test_no_text_whatever_escapes_as_another_error(text: str) -> None:
    for token in (text, "engram2." + text):
        with pytest.raises(LocalError):
            parse_token(token, now_ms=NOW_MS)


@pytest.mark.parametrize(
    "changes",
    [
        {"uses": 0},
        {"uses": 10_001},
        {"expires_ms": 1 << 48},
        {"expires_ms": -1},
        {"addresses": ("a",) * 17},
        {"addresses": ("a" * 263,)},
    ],
)
def test_an_invite_beyond_its_bounds_is_not_made(changes: dict[str, object]) -> None:
    ann = Replica("ann")
    with pytest.raises(UsageError) as caught:
        invite(ann, ann.found(), **changes)
    assert caught.value.hint


def test_the_longest_token_can_be_read() -> None:
    ann = Replica("ann")
    token = invite(ann, ann.found(), addresses=tuple("x" * 262 for _ in range(16)))
    assert parse_token(token.text(), now_ms=NOW_MS) == token


@pytest.mark.parametrize(
    "value",
    [
        7,
        [2, bytes(32), bytes(32), 2, 1, 1],
        [True, bytes(32), bytes(32), 2, 1, 1],
        [1, bytes(31), bytes(32), 2, 1, 1],
        [1, bytes(32), bytes(32), 0, 1, 1],
        [1, bytes(32), bytes(32), True, 1, 1],
        [1, bytes(32), bytes(32), 2, -1, 1],
        [1, bytes(32), bytes(32), 2, 1, 0],
        [1, bytes(32), bytes(32), 2, 1, 10_001],
    ],
)
def test_a_malformed_grant_is_refused(value: object) -> None:
    with pytest.raises(WireError):
        Grant.decode_untrusted(cbor.dump_canonical(value))


# -- the leader's decision ---------------------------------------------------------------------


class Desk:
    """Ann, who founded a scope, judges requests of Bob."""

    def __init__(self) -> None:
        self.ann, self.bob, self.eve = Replica("ann"), Replica("bob"), Replica("eve")
        self.scope = self.ann.found()
        self.token = invite(self.ann, self.scope)

    def request(self, who: Replica, token: InviteToken | None = None) -> JoinRequest:
        token = token or self.token
        proof = token.proof(key=who.key, session=SESSION)
        return JoinRequest(token.scope, token.scope, token.signed.encode(), proof, "new node")

    def judge(
        self, who: Replica, request: JoinRequest | None = None, now_ms: int = NOW_MS
    ) -> JoinDecision:
        return judge_join_untrusted(
            self.ann.charters.of(self.scope),
            request or self.request(who),
            key=who.key,
            session=SESSION,
            agent=who.key,
            now_ms=now_ms,
        )

    def admit(self, verdict: JoinDecision) -> None:
        assert verdict.admit is not None
        log = self.ann.open(self.scope, LogDomain.MEMBERS)
        self.ann.author(log, [admit_draft(verdict.admit, "new node")])


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_valid_invite_admits(desk: Desk) -> None:
    verdict = desk.judge(desk.bob)
    assert verdict.accepted
    desk.admit(verdict)
    membership = desk.ann.charters.of(desk.scope)
    assert membership.role(desk.bob.key) is MemberRole.MEMBER
    assert {m.key: m.label for m in membership.members()}[desk.bob.key] == "new node"
    desk.bob.take_all(desk.ann, desk.scope)


def test_the_same_key_redeems_again_without_a_new_record_however_late(desk: Desk) -> None:
    desk.admit(desk.judge(desk.bob))
    assert desk.judge(desk.bob, now_ms=LATER_MS * 2) == JoinDecision(accepted=True)


def test_a_second_key_is_refused(desk: Desk) -> None:
    desk.admit(desk.judge(desk.bob))
    verdict = desk.judge(desk.eve)
    assert (verdict.accepted, verdict.admit) == (False, None)
    assert verdict.reason is not None
    assert "used already" in verdict.reason


def test_a_restored_leader_refuses_a_used_invite_once_the_log_has_come_back(desk: Desk) -> None:
    """Uses are counted in the log, not in a table that a backup takes back."""
    cay = Replica("cay")
    desk.ann.admit(desk.scope, cay.key, MemberRole.LEADER)
    desk.admit(desk.judge(desk.bob))
    cay.take_all(desk.ann, desk.scope)
    verdict = judge_join_untrusted(
        cay.charters.of(desk.scope),
        desk.request(desk.eve),
        key=desk.eve.key,
        session=SESSION,
        agent=desk.eve.key,
        now_ms=NOW_MS,
    )
    assert not verdict.accepted


def test_an_expired_invite_is_refused(desk: Desk) -> None:
    verdict = desk.judge(desk.bob, now_ms=LATER_MS + 1)
    assert not verdict.accepted
    assert verdict.reason is not None
    assert "expired" in verdict.reason


def test_an_invite_by_somebody_who_does_not_lead_is_refused(desk: Desk) -> None:
    desk.ann.admit(desk.scope, desk.eve.key)
    token = invite(desk.eve, desk.scope)
    verdict = desk.judge(desk.bob, desk.request(desk.bob, token))
    assert verdict == JoinDecision(accepted=False, reason=NOT_HERE)


def test_an_invite_into_another_scope_is_refused(desk: Desk) -> None:
    other = invite(desk.ann, desk.ann.found())
    verdict = desk.judge(desk.bob, desk.request(desk.bob, other))
    assert verdict == JoinDecision(accepted=False, reason=NOT_HERE)


def test_a_member_needs_no_second_admission_for_the_same_role(desk: Desk) -> None:
    desk.ann.admit(desk.scope, desk.bob.key)
    assert desk.judge(desk.bob) == JoinDecision(accepted=True)
    higher = invite(desk.ann, desk.scope, role=MemberRole.LEADER, seed=b"h" * 32)
    assert desk.judge(desk.bob, desk.request(desk.bob, higher)).admit is not None


def test_reasons_fit_the_message_that_carries_them(desk: Desk) -> None:
    desk.admit(desk.judge(desk.bob))
    for verdict in (desk.judge(desk.eve), desk.judge(desk.eve, now_ms=LATER_MS + 1)):
        assert verdict.reason is not None
        assert len(verdict.reason.encode()) <= 64


def test_a_proof_for_another_key_or_session_says_nothing_about_the_scope(desk: Desk) -> None:
    nothing = JoinDecision(accepted=False, reason=NOT_HERE)
    assert desk.judge(desk.eve, desk.request(desk.bob)) == nothing
    proof = desk.token.proof(key=desk.bob.key, session=bytes(32))
    grant = desk.token.signed.encode()
    assert desk.judge(desk.bob, JoinRequest(desk.scope, desk.scope, grant, proof, "x")) == nothing


@given(st.binary(max_size=64))
def test_a_garbled_grant_says_nothing_about_the_scope(data: bytes) -> None:
    desk = Desk()
    request = JoinRequest(desk.scope, desk.scope, data, bytes(64), "x")
    assert desk.judge(desk.bob, request) == JoinDecision(accepted=False, reason=NOT_HERE)
