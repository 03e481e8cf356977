"""What this version does not know: kinds, extensions, and payloads without a key."""

import pytest

from engram_wire import (
    NO_SUPERSEDED,
    OPTIONAL,
    SealedPayload,
    Shape,
    WireError,
    cbor,
    clocks_taken,
    encode_payload,
    encode_sealed_payload,
    extension_of_untrusted,
    is_membership_kind,
    newer_kind,
    parse_shape_untrusted,
    sealed_payload,
    shape_of,
    split_payload_untrusted,
)

UNKNOWN = 12
UNKNOWN_MEMBERSHIP_KIND = 18 | OPTIONAL


@pytest.mark.parametrize("kind", [UNKNOWN, UNKNOWN | OPTIONAL, 15, 15 | OPTIONAL])
def test_the_puts_of_every_kind_of_data_are_known_and_take_clocks(kind: int) -> None:
    parsed: Shape = parse_shape_untrusted(shape_of(kind, ["r/new", "s/tags"]))
    assert tuple(parsed) == (kind, ("r/new", "s/tags"), None)
    assert clocks_taken(parsed, cbor.encode(["name", 1])) == 2


@pytest.mark.parametrize(
    ("kind", "items", "needs"),
    [
        (1, [], None),
        (UNKNOWN, [1], f"records of kind {UNKNOWN}"),
        (UNKNOWN | OPTIONAL, [1], None),
        (15, ["name", 1], "the extension 'name'"),
        (15 | OPTIONAL, ["name", 1], None),
        (22, ["name", 1], "the extension 'name'"),
        (22 | OPTIONAL, ["name", 1], None),
        (UNKNOWN_MEMBERSHIP_KIND, [1], None),
        (17, [1], None),
    ],
)
def test_only_what_must_be_understood_and_is_not_needs_a_newer_version(
    kind: int, items: list[cbor.Encodable], needs: str | None
) -> None:
    data = cbor.encode(items)
    if is_membership_kind(kind):
        assert newer_kind(bytes((kind,)) + data, NO_SUPERSEDED) == needs
    else:
        assert newer_kind(shape_of(kind, []), data) == needs


@pytest.mark.parametrize("name", ["", "a\n", 1, "n" * 65])
def test_an_extension_has_a_name_that_can_be_shown(name: str | int) -> None:
    with pytest.raises(WireError):
        extension_of_untrusted([name, None])


def test_an_encrypted_payload_is_told_from_one_that_can_be_read() -> None:
    sealed = SealedPayload(3, b"n" * 24, b"cipher")
    payload = encode_sealed_payload(sealed)
    assert sealed_payload(payload) == sealed
    assert sealed_payload(encode_payload(bytes(16), [b"\x01"])) is None
    with pytest.raises(WireError):
        split_payload_untrusted(payload)
    others: list[list[cbor.Encodable]] = [
        [0, b"n" * 24, b""],
        [1, b"n" * 23, b""],
        [1, b"n" * 24, "c"],
        [1, 2, 3],
    ]
    for other in others:
        assert sealed_payload(cbor.encode(other)) is None
    assert sealed_payload(payload + b"\0") is None
    assert sealed_payload(b"\x83\x00\x00") is None
    for wrong in (SealedPayload(0, b"n" * 24, b""), SealedPayload(1, b"n" * 24, bytes(1 << 20))):
        with pytest.raises(ValueError, match="no encrypted payload"):
            encode_sealed_payload(wrong)
