"""What is announced and which announcements are believed; no sockets."""

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from engram_sync.address import Address
from engram_sync.discovery import Sighting
from engram_sync.discovery._announcement import (
    SERVICE_TYPE,
    addresses_untrusted,
    announced,
    interfaces_for,
    is_own,
    name_of_port,
    name_untrusted,
    properties,
)
from engram_sync.discovery._limits import (
    ADDRESSES_PER_NAME_MAX,
    NAMES_MAX,
    PENDING_MAX,
    PORTS_MAX,
)
from engram_sync.discovery._sightings import Mailbox

OWN = ["127.0.0.1", "192.0.2.2", "198.51.100.9", "::1", "2001:db8::2"]
TXT: dict[bytes, bytes | None] = {b"v": b"1"}


def addresses(*texts: str) -> list[Address]:
    return [Address.parse(text) for text in texts]


@pytest.mark.parametrize(
    ("listening", "interfaces"),
    [
        (["127.0.0.1:1"], ["127.0.0.1"]),
        (["192.0.2.2:1"], ["192.0.2.2"]),
        (["192.0.2.2:1", "192.0.2.2:2"], ["192.0.2.2"]),
        (["0.0.0.0:1"], ["192.0.2.2", "198.51.100.9"]),
        (["[::]:1"], ["2001:db8::2"]),
        (["[fe80::1%2]:1"], ["fe80::1"]),
        ([], []),
    ],
)
def test_only_interfaces_that_are_listened_on_are_spoken_on(
    listening: list[str], interfaces: list[str]
) -> None:
    assert interfaces_for(addresses(*listening), OWN, None) == interfaces


def test_configured_interfaces_replace_those_listened_on() -> None:
    assert interfaces_for(addresses("0.0.0.0:1"), OWN, ["127.0.0.1"]) == ["127.0.0.1"]


def test_a_machine_without_a_network_speaks_to_itself() -> None:
    assert interfaces_for(addresses("0.0.0.0:1"), ["127.0.0.1"], None) == ["127.0.0.1"]


def test_every_port_is_announced_with_the_hosts_at_which_it_is_listened_on() -> None:
    listening = addresses("203.0.113.1:9", "192.0.2.2:7463", "127.0.0.1:7463", "127.0.0.1:8")

    assert announced(listening, ["192.0.2.2"]) == [(7463, ["192.0.2.2"])]
    assert announced(listening, ["127.0.0.1", "192.0.2.2"]) == [
        (7463, ["127.0.0.1", "192.0.2.2"]),
        (8, ["127.0.0.1"]),
    ]
    assert announced(listening, ["198.51.100.9"]) == []
    assert announced(addresses("0.0.0.0:5"), ["127.0.0.1"]) == [(5, ["127.0.0.1"])]
    assert announced(addresses("0.0.0.0:5", "[::]:6"), ["192.0.2.2", "2001:db8::2"]) == [
        (5, ["192.0.2.2"]),
        (6, ["2001:db8::2"]),
    ]
    many = [Address("127.0.0.1", port) for port in range(1, 100)]
    assert [port for port, _ in announced(many, ["127.0.0.1"])] == list(range(1, PORTS_MAX + 1))


@pytest.mark.parametrize(
    ("name", "own"), [("abc", True), ("abc-1", True), ("abcd", False), ("ab", False), ("x", False)]
)
def test_all_announcements_of_this_node_are_its_own(name: str, own: bool) -> None:
    assert is_own(name, "abc") == own
    assert all(is_own(name_of_port("abc", number), "abc") for number in range(PORTS_MAX))


def test_the_text_record_tells_the_protocol_version_only() -> None:
    assert properties() == {b"v": b"1"}


@pytest.mark.parametrize(
    ("service", "name"),
    [
        (f"abc234.{SERVICE_TYPE}", "abc234"),
        (f"ABC.{SERVICE_TYPE}", None),
        (f"a b.{SERVICE_TYPE}", None),
        (f"a.b.{SERVICE_TYPE}", None),
        (f"{'a' * 64}.{SERVICE_TYPE}", None),
        (SERVICE_TYPE, None),
        ("abc._other._tcp.local.", None),
        ("", None),
    ],
)
def test_only_names_such_as_ours_are_taken(service: str, name: str | None) -> None:
    assert name_untrusted(service) == name


@pytest.mark.parametrize(
    ("port", "hosts", "txt"),
    [
        (7463, ["192.0.2.1"], {}),
        (7463, ["192.0.2.1"], {b"v": None}),
        (7463, ["192.0.2.1"], {b"v": b"2"}),
        (7463, ["192.0.2.1"], {b"v": b"1 "}),
        (7463, ["192.0.2.1"], {b"V": b"1"}),
        (None, ["192.0.2.1"], TXT),
        (0, ["192.0.2.1"], TXT),
        (65536, ["192.0.2.1"], TXT),
        (7463, [], TXT),
        (7463, ["0.0.0.0"], TXT),
        (7463, ["224.0.0.251"], TXT),
        (7463, ["ff02::fb"], TXT),
        (7463, ["router"], TXT),
        (7463, ["127.0.0.1"], TXT),
        (7463, ["::1"], TXT),
    ],
)
def test_a_malformed_foreign_or_useless_announcement_leads_nowhere(
    port: int | None, hosts: list[str], txt: dict[bytes, bytes | None]
) -> None:
    assert addresses_untrusted(port, hosts, txt, loopback=False) == ()


def test_loopback_addresses_are_believed_on_the_loopback_interface_only() -> None:
    assert addresses_untrusted(7, ["127.0.0.1"], TXT, loopback=True) == (Address("127.0.0.1", 7),)


def test_one_announcement_leads_to_few_dials() -> None:
    many = [f"192.0.2.{n}" for n in range(200)]

    assert len(addresses_untrusted(7, many, TXT, loopback=False)) == ADDRESSES_PER_NAME_MAX


@pytest.mark.slow
@given(
    st.none() | st.integers(),
    st.lists(st.text() | st.ip_addresses().map(str), max_size=12),
    st.dictionaries(st.binary(max_size=4), st.none() | st.binary(max_size=4)),
    st.booleans(),
)
def test_whatever_is_announced_is_an_address_or_nothing(
    port: int | None, hosts: list[str], txt: dict[bytes, bytes | None], loopback: bool
) -> None:
    for address in addresses_untrusted(port, hosts, {**txt, **TXT}, loopback=loopback):
        assert Address.parse(str(address)) == address


async def delivered(receive: "trio.MemoryReceiveChannel[Sighting]") -> list[Sighting]:
    await trio.testing.wait_all_tasks_blocked()
    found: list[Sighting] = []
    while True:
        try:
            found.append(receive.receive_nowait())
        except trio.WouldBlock:
            return found


def mailbox_and_channel(size: int) -> "tuple[Mailbox, trio.MemoryReceiveChannel[Sighting]]":
    send, receive = trio.open_memory_channel[Sighting](size)
    mailbox = Mailbox("own")
    mailbox.connect(send, trio.lowlevel.current_trio_token())
    return mailbox, receive


async def test_an_announcement_that_changes_reports_the_difference() -> None:
    mailbox, receive = mailbox_and_channel(10)
    mailbox.announced("a", 7, ["192.0.2.1", "192.0.2.2"], TXT, loopback=False)
    mailbox.announced("a", 7, ["192.0.2.2", "192.0.2.3"], TXT, loopback=False)
    mailbox.withdrawn("a")
    mailbox.withdrawn("a")

    one, two, three = (Address(f"192.0.2.{n}", 7) for n in (1, 2, 3))
    assert await delivered(receive) == [
        Sighting(one, "mdns", "a"),
        Sighting(two, "mdns", "a"),
        Sighting(three, "mdns", "a"),
        Sighting(one, "mdns", "a", gone=True),
        Sighting(two, "mdns", "a", gone=True),
        Sighting(three, "mdns", "a", gone=True),
    ]


async def test_an_announcement_that_turns_bad_takes_its_addresses_back() -> None:
    mailbox, receive = mailbox_and_channel(10)
    mailbox.announced("a", 7, ["192.0.2.1"], TXT, loopback=False)
    mailbox.announced("a", 7, ["192.0.2.1"], {b"v": b"9"}, loopback=False)

    assert [sighting.gone for sighting in await delivered(receive)] == [False, True]
    assert mailbox.ignored == 1


async def test_the_own_announcement_is_not_wanted() -> None:
    assert not Mailbox("own").wants("own")
    assert Mailbox("own").wants("other")


async def test_sightings_that_nobody_takes_are_dropped_and_counted() -> None:
    mailbox, receive = mailbox_and_channel(2)
    for n in range(PENDING_MAX + 5):
        mailbox.announced(f"n{n}", 7, ["192.0.2.1"], TXT, loopback=False)

    assert len(await delivered(receive)) == 2
    assert mailbox.dropped == PENDING_MAX + 5 - 2


async def test_a_flood_of_names_is_bounded_and_counted() -> None:
    mailbox, _receive = mailbox_and_channel(0)
    for n in range(NAMES_MAX):
        assert mailbox.wants(f"n{n}")
        mailbox.announced(f"n{n}", 7, ["192.0.2.1"], TXT, loopback=False)
    before = mailbox.dropped

    assert not mailbox.wants("one-more")
    assert mailbox.wants("n0")
    assert mailbox.dropped == before + 1

    mailbox.withdrawn("n0")
    assert mailbox.wants("one-more")


async def test_nothing_is_delivered_after_the_end() -> None:
    mailbox, receive = mailbox_and_channel(2)
    mailbox.disconnect()
    mailbox.announced("a", 7, ["192.0.2.1"], TXT, loopback=False)

    assert await delivered(receive) == []
