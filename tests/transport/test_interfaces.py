"""What a node tells others to dial."""

from engram_sync.transport import Address, dialable


def test_an_address_that_is_one_is_told_as_it_is() -> None:
    told = [Address("127.0.0.1", 7463), Address("laptop.local", 7463), Address("::1", 1)]
    assert dialable(told) == told


def test_a_wildcard_stands_for_the_machines_own_addresses_loopback_last() -> None:
    told = dialable([Address("0.0.0.0", 7463)])
    assert Address("127.0.0.1", 7463) == told[-1]
    assert all(address.host != "0.0.0.0" for address in told)
    assert {address.port for address in told} == {7463}


def test_nothing_is_told_twice() -> None:
    twice = [Address("0.0.0.0", 7463), Address("127.0.0.1", 7463)]
    told = dialable(twice)
    assert len(told) == len(set(told))
