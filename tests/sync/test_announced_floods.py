"""Anybody on the LAN can announce addresses; that must not cost a node its descriptors or peers."""

from engram_sync.sync import PeerTable
from engram_sync.sync._limits import DIALS_MAX

OWN = b"o" * 32


def test_a_flood_of_announcements_is_dialled_a_few_at_a_time() -> None:
    table = PeerTable(OWN, jitter=lambda: 0.0)
    for number in range(500):
        table.sighted(f"10.0.0.1:{number + 1}", via="mdns", now=0.0)
    table.sighted("friend:7463", via="static", now=0.0)
    first = table.due(0.0)
    assert len(first) == DIALS_MAX
    assert first[0].address == "friend:7463"
    assert table.due(0.0) == []
    assert table.next_deadline() is None
    table.failed(first[-1].address, now=1.0, error="no answer")
    assert table.next_deadline() == 0.0
    assert len(table.due(1.0)) == 1
    table.connected(b"f" * 32, address="friend:7463")
    assert len(table.due(1.0)) == 1
