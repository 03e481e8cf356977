"""Whom to call, and when."""

import pytest

from engram_sync.sync import Contact, PeerTable, Timing
from engram_sync.sync._limits import CONTACTS_MAX, SIGHTING_FAILURES_MAX

OWN, PEER, OTHER = b"o" * 32, b"p" * 32, b"q" * 32
HOME, AWAY = "192.0.2.1:7463", "192.0.2.2:7463"


def table(jitter: float = 1.0) -> PeerTable:
    return PeerTable(OWN, jitter=lambda: jitter)


def only(contacts: PeerTable) -> Contact:
    (contact,) = contacts.contacts()
    return contact


def failures(peers: PeerTable, count: int, **options: bool) -> list[float]:
    """The pauses after that many failures in a row."""
    pauses: list[float] = []
    now = 0.0
    for _ in range(count):
        assert [c.address for c in peers.due(now)] == [HOME]
        peers.failed(HOME, now=now, error="refused", **options)
        pauses.append(only(peers).due_at - now)
        now = only(peers).due_at
    return pauses


def test_a_sighted_address_is_due_at_once_and_dialled_once() -> None:
    peers = table()
    peers.sighted(HOME, via="static", now=5.0)
    assert peers.due(4.9) == []
    assert peers.next_deadline() == 5.0
    assert [c.address for c in peers.due(5.0)] == [HOME]
    assert peers.due(6.0) == []
    assert peers.next_deadline() is None


def test_pauses_double_up_to_the_longest() -> None:
    peers = table()
    peers.sighted(HOME, via="static", now=0.0)
    pauses = failures(peers, 14)
    assert pauses[:4] == [0.5, 1.0, 2.0, 4.0]
    assert pauses[-3:] == [300.0] * 3
    assert only(peers).failures == 14
    assert only(peers).last_error == "refused"


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_jitter_keeps_at_least_half_of_each_pause(jitter: float) -> None:
    peers = table(jitter)
    peers.sighted(HOME, via="static", now=0.0)
    assert failures(peers, 3) == [
        pytest.approx(pause * (0.5 + 0.5 * jitter)) for pause in (0.5, 1.0, 2.0)
    ]


def test_a_stranger_waits_longest_until_somebody_is_admitted() -> None:
    peers = table()
    peers.sighted(HOME, via="static", now=0.0)
    assert failures(peers, 1, stranger=True) == [300.0]
    peers.sighted(AWAY, via="static", now=0.0)
    peers.due(0.0)
    peers.failed(AWAY, now=0.0, error="refused")
    peers.admitted(now=10.0)
    assert {c.address: c.due_at for c in peers.contacts()} == {HOME: 10.5, AWAY: 0.5}
    peers.admitted(now=20.0)
    assert next(iter(peers.contacts())).due_at == 10.5


def test_this_node_never_calls_itself_twice() -> None:
    peers = table()
    peers.sighted(HOME, via="mdns", now=0.0)
    peers.due(0.0)
    peers.connected(OWN, address=HOME)
    assert peers.due(1000.0) == []
    assert peers.next_deadline() is None
    peers.retry_all(2000.0)
    assert peers.due(2000.0) == []


def test_whoever_is_connected_is_not_called_at_any_of_its_addresses() -> None:
    peers = table()
    peers.sighted(HOME, via="static", now=0.0)
    peers.sighted(AWAY, via="mdns", now=0.0, key=PEER)
    assert [c.address for c in peers.due(0.0)] == [HOME, AWAY]
    peers.connected(PEER, address=HOME)
    peers.connected(PEER)
    peers.failed(AWAY, now=0.0, error="refused")
    assert peers.due(1000.0) == []
    peers.disconnected(PEER, now=1000.0)
    assert peers.next_deadline() == 1000.5
    assert [c.address for c in peers.due(1000.5)] == [HOME, AWAY]


def test_a_good_connection_forgets_failures_and_a_bad_one_adds_to_them() -> None:
    peers = table()
    peers.sighted(HOME, via="static", now=0.0)
    failures(peers, 4)
    peers.due(100.0)
    peers.connected(PEER, address=HOME)
    peers.disconnected(PEER, now=100.0, failed=True)
    assert only(peers).due_at == 108.0
    peers.due(108.0)
    peers.connected(PEER, address=HOME)
    peers.disconnected(PEER, now=200.0)
    assert only(peers).due_at == 200.5
    assert only(peers).failures == 0


def test_a_connection_that_ends_leaves_other_contacts_alone() -> None:
    peers = table()
    peers.sighted(HOME, via="static", now=0.0, key=OTHER)
    peers.disconnected(PEER, now=50.0)
    assert only(peers).due_at == 0.0


def test_an_announcement_that_outlives_its_node_is_forgotten() -> None:
    peers = table()
    peers.sighted(HOME, via="mdns", now=0.0)
    failures(peers, SIGHTING_FAILURES_MAX)
    peers.due(1e6)
    peers.failed(HOME, now=1e6, error="refused")
    assert list(peers.contacts()) == []
    peers.failed(HOME, now=1e6, error="refused")


def test_what_somebody_said_outlives_an_announcement() -> None:
    peers = table()
    peers.sighted(HOME, via="mdns", now=0.0)
    peers.sighted(HOME, via="token", now=0.0)
    assert only(peers).via == "token"
    peers.sighted(HOME, via="mdns", now=0.0)
    assert only(peers).via == "token"
    peers.gone(HOME)
    failures(peers, SIGHTING_FAILURES_MAX + 3)
    assert only(peers).address == HOME


def test_an_announcement_taken_back_is_forgotten_unless_it_is_being_dialled() -> None:
    peers = table()
    peers.sighted(HOME, via="mdns", now=0.0)
    peers.due(0.0)
    peers.gone(HOME)
    assert only(peers).dialing
    peers.failed(HOME, now=0.0, error="refused")
    peers.gone(HOME)
    peers.gone(AWAY)
    assert list(peers.contacts()) == []


def test_a_fresh_sighting_shortens_a_long_pause_but_not_to_nothing() -> None:
    peers = table()
    peers.sighted(HOME, via="mdns", now=0.0)
    failures(peers, 8)
    now = only(peers).due_at - 30.0
    peers.sighted(HOME, via="mdns", now=now)
    assert only(peers).due_at == now + 0.5
    peers.sighted(HOME, via="mdns", now=now + 0.4)
    assert only(peers).due_at == now + 0.5


def test_retrying_makes_everybody_due() -> None:
    peers = table()
    peers.sighted(HOME, via="static", now=0.0)
    failures(peers, 8)
    peers.retry_all(20.0)
    assert [c.address for c in peers.due(20.0)] == [HOME]


def test_a_flood_of_announcements_is_dropped_and_counted() -> None:
    peers = table()
    for number in range(CONTACTS_MAX + 7):
        peers.sighted(f"h{number}:1", via="mdns", now=0.0)
    assert len(list(peers.contacts())) == CONTACTS_MAX
    assert peers.dropped == 7


def test_the_contact_of_a_key_is_where_it_answered() -> None:
    peers = table()
    peers.sighted(HOME, via="static", now=0.0)
    assert peers.contact_of(PEER) is None
    peers.connected(PEER, address=HOME)
    assert peers.contact_of(PEER) is only(peers)
    peers.connected(PEER, address="nowhere:1")


def test_intervals_can_be_chosen() -> None:
    peers = PeerTable(
        OWN, jitter=lambda: 1.0, intervals=Timing(backoff_min_s=2.0, backoff_max_s=3.0)
    )
    peers.sighted(HOME, via="static", now=0.0)
    assert failures(peers, 3) == [2.0, 3.0, 3.0]


def test_a_node_whose_copy_takes_its_connection_waits_longer_each_time_but_for_its_turn() -> None:
    peers = table()
    peers.sighted(HOME, via="static", now=0.0)
    pauses: list[float] = []
    for _ in range(8):
        peers.due(only(peers).due_at)
        peers.connected(PEER, address=HOME)
        peers.disconnected(PEER, now=0.0, taken=True)
        pauses.append(only(peers).due_at)
    assert pauses == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0]
    peers.disconnected(PEER, now=0.0)
    assert only(peers).due_at == 0.5
