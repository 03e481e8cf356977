import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_sync.address import Address
from engram_sync.errors import UsageError


@pytest.mark.parametrize(
    ("text", "host", "port", "canonical"),
    [
        ("127.0.0.1:7463", "127.0.0.1", 7463, "127.0.0.1:7463"),
        ("0.0.0.0:0", "0.0.0.0", 0, "0.0.0.0:0"),
        ("[::1]:7463", "::1", 7463, "[::1]:7463"),
        ("[0:0:0:0:0:0:0:1]:07463", "::1", 7463, "[::1]:7463"),
        ("[fe80::1%eth0]:1", "fe80::1%eth0", 1, "[fe80::1%eth0]:1"),
        (" Laptop.Local.:65535 ", "laptop.local", 65535, "laptop.local:65535"),
        ("node_1:2", "node_1", 2, "node_1:2"),
    ],
)
def test_an_address_has_one_spelling(text: str, host: str, port: int, canonical: str) -> None:
    address = Address.parse(text)

    assert address == Address(host, port)
    assert str(address) == canonical
    assert Address.parse(canonical) == address


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "names no port"),
        ("localhost", "names no port"),
        ("localhost:", "not a port number"),
        ("localhost:http", "not a port number"),
        ("localhost:-1", "not a port number"),
        ("localhost:+1", "not a port number"),
        ("localhost:\u0661", "not a port number"),
        ("localhost:65536", "above 65535"),
        ("localhost:" + "9" * 5000, "not a port number"),
        ("::1:7463", "needs brackets"),
        ("[::1:7463", "needs brackets"),
        ("[::g]:1", "not an IPv6 address"),
        ("[127.0.0.1]:1", "not an IPv6 address"),
        ("[fe80::1%e th]:1", "not an IPv6 address"),
        ("300.1.1.1:1", "not an IPv4 address"),
        ("1.2.3:1", "not an IPv4 address"),
        (":1", "not a host name"),
        ("a..b:1", "not a host name"),
        ("-a:1", "not a host name"),
        ("a b:1", "not a host name"),
        ("b\u00fcro:1", "not a host name"),
        ("a" * 64 + ":1", "not a host name"),
        ("a." * 127 + "a:1", "not a host name"),
    ],
)
def test_a_wrong_address_is_refused_with_what_is_wrong_and_what_to_write(
    text: str, wrong: str
) -> None:
    with pytest.raises(UsageError, match=wrong) as caught:
        Address.parse(text)

    assert "HOST:PORT" in caught.value.hint


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_usage_error(text: str) -> None:
    try:
        address = Address.parse(text)
    except UsageError:
        return
    assert Address.parse(str(address)) == address


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_ip_address_survives_its_text(ip: object, port: int) -> None:
    address = Address(str(ip), port)

    assert Address.parse(str(address)) == address
