"""Claims about version tokens, which callers hand back and may have made up."""

import base64
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engram_sync.errors import PreconditionError, UsageError
from engram_sync.memory._versions import resolve_version, version_token
from engram_wire.cbor import encode

A, B = b"a" * 32, b"b" * 32


CHECK = b"ckck"


def made(clock: dict[bytes, int], check: bytes = CHECK) -> str:
    return version_token(clock, check)


def token(value: object, prefix: str = "v1.") -> str:
    data = encode(value)  # type: ignore[arg-type]  # plain values, some of them wrong
    return prefix + base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_a_version_names_exactly_what_the_view_contained() -> None:
    clock = {A: 3, B: 300}
    assert resolve_version(made(clock), clock) == (clock, CHECK)
    assert resolve_version(made({A: 2}), clock) == ({A: 2}, CHECK)
    assert resolve_version(made({}), clock) == ({}, CHECK)


def test_versions_that_earlier_releases_gave_out_are_still_understood() -> None:
    assert resolve_version(token([[A[:8], 2]]), {A: 3}) == ({A: 2}, None)


@pytest.mark.parametrize("clock", [{A: 4, B: 1}, {b"c" * 32: 1}])
def test_a_version_naming_changes_not_held_is_refused(clock: dict[bytes, int]) -> None:
    with pytest.raises(PreconditionError) as refused:
        resolve_version(made(clock), {A: 3, B: 1})
    assert "engram-sync sync" in refused.value.hint


def test_logs_that_cannot_be_told_apart_are_refused() -> None:
    twins = {b"a" * 8 + b"x" * 24: 1, b"a" * 8 + b"y" * 24: 1}
    with pytest.raises(PreconditionError):
        resolve_version(made({A: 1}), twins)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v1.",
        "v1." + made({A: 1})[3:],
        "v3." + made({A: 1})[3:],
        "v2." + token([[A[:8], 1]])[3:],
        token([], "v2."),
        token(["ckck"], "v2."),
        token([b"check"], "v2."),
        token([CHECK, [A[:8], 0]], "v2."),
        "v1.====",
        "v1.é",
        "v1." + "A" * 70_000,
        made({A: 1}) + "AA",
        token({}),
        token([[A[:8]]]),
        token([[A[:7], 1]]),
        token([[A[:8], 0]]),
        token([[A[:8], -1]]),
        token([[A[:8], True]]),
        token([["a", 1]]),
        token([[B[:8], 1], [A[:8], 1]]),
        token([[A[:8], 1], [A[:8], 2]]),
    ],
)
def test_what_is_no_version_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        resolve_version(text, {A: 9})


@given(st.text(max_size=60).map(lambda s: "v2." + s) | st.text(max_size=60))
@example("v1.gYJIYWFhYWFhYWEB")
def test_no_text_does_more_than_resolve_or_be_refused(text: str) -> None:
    with suppress(UsageError, PreconditionError):
        resolve_version(text, {A: 9})


@given(st.dictionaries(st.binary(min_size=32, max_size=32), st.integers(1, 2**32), max_size=20))
def test_every_version_comes_back(clock: dict[bytes, int]) -> None:
    prefixes = {log[:8] for log in clock}
    if len(prefixes) == len(clock):
        assert resolve_version(made(clock), clock) == (clock, CHECK)
