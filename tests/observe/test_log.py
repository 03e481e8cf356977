import io
import json
import logging
from collections.abc import Iterator

import pytest

from engram_sync.errors import CorruptError
from engram_sync.observe import Logger, configure_logging

SECRET = "the launch code is 0000"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root, ours = logging.getLogger(), logging.getLogger("engram_sync")
    handlers, level = list(root.handlers), ours.level
    yield io.StringIO()
    root.handlers[:] = handlers
    ours.setLevel(level)


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - the fixture is the exception itself
        return caught


def test_a_line_says_when_how_bad_who_what_and_which(stream: io.StringIO) -> None:
    configure_logging("info", json=False, stream=stream)
    Logger("sync").info("peer connected", peer="abc", address="[::1]:7463", inbound=True, tries=2)
    time, rest = stream.getvalue().split(" ", 1)
    assert len(time) == len("2026-01-31T12:00:00.000Z")
    assert time.endswith("Z")
    assert rest == (
        "info    sync: peer connected peer=abc address=[::1]:7463 inbound=true tries=2\n"
    )


def test_json_gives_one_object_per_line_with_the_same_parts(stream: io.StringIO) -> None:
    configure_logging("info", json=True, stream=stream)
    Logger("sync").warning("peer lost", peer="abc", since_ms=None)
    Logger("sync").info("peer connected", label="two\nlines")
    first, second = map(json.loads, stream.getvalue().splitlines())
    del first["time"]
    assert first == {
        "v": 1,
        "kind": "log",
        "level": "warning",
        "component": "sync",
        "event": "peer lost",
        "peer": "abc",
        "since_ms": None,
    }
    assert second["label"] == "two\\nlines"


@pytest.mark.parametrize(("level", "lines"), [("debug", 4), ("info", 3), ("error", 1)])
def test_messages_below_the_level_are_not_written(
    stream: io.StringIO, level: str, lines: int
) -> None:
    configure_logging(level, json=False, stream=stream)
    log = Logger("node")
    log.debug("one")
    log.info("two")
    log.warning("three")
    log.error("four")
    assert len(stream.getvalue().splitlines()) == lines


def test_a_peer_cannot_forge_a_line_or_move_the_cursor(stream: io.StringIO) -> None:
    configure_logging("info", json=False, stream=stream)
    Logger("sync").info("peer connected", label="x\n2026 error node: on fire\x1b[2J\u202e")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b" not in stream.getvalue()
    assert "\u202e" not in stream.getvalue()


def test_bytes_are_shown_as_the_start_of_an_id(stream: io.StringIO) -> None:
    configure_logging("info", json=False, stream=stream)
    Logger("sync").info("scope", scope=bytes(range(32)))
    assert stream.getvalue().endswith(" scope=0001020304050607\n")


@pytest.mark.parametrize("name", ["content", "token", "secret", "query", "level"])
def test_a_field_that_would_show_content_or_hide_a_part_is_refused_even_when_not_written(
    stream: io.StringIO, name: str
) -> None:
    configure_logging("error", json=False, stream=stream)
    with pytest.raises(ValueError, match=f"never carries {name}"):
        Logger("memory").debug("remembered", **{name: SECRET})


def test_an_error_of_ours_is_shown_with_its_message(stream: io.StringIO) -> None:
    configure_logging("info", json=False, stream=stream)
    Logger("store").error("not opened", cause=raised(CorruptError("store.db is not a database")))
    assert 'error="CorruptError: store.db is not a database"' in stream.getvalue()


def test_an_unexpected_error_shows_where_it_came_from_but_not_what_it_quotes(
    stream: io.StringIO,
) -> None:
    configure_logging("info", json=False, stream=stream)
    Logger("store").error("crashed", cause=raised(KeyError(SECRET)))
    assert "error=KeyError" in stream.getvalue()
    assert "test_log.py:" in stream.getvalue()
    assert " in raised" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_the_trace_of_an_unexpected_error_is_a_list_in_json(stream: io.StringIO) -> None:
    configure_logging("info", json=True, stream=stream)
    Logger("store").error("crashed", cause=raised(KeyError(SECRET)))
    line = json.loads(stream.getvalue())
    assert line["error"] == "KeyError"
    assert line["trace"][-1].endswith(" in raised")
    assert SECRET not in stream.getvalue()


def test_other_libraries_are_heard_from_warning_up_and_made_safe(stream: io.StringIO) -> None:
    configure_logging("debug", json=False, stream=stream)
    other = logging.getLogger("some.library")
    other.info("chatter")
    other.warning("bad %s", "news\x07")
    assert stream.getvalue().endswith(" warning some.library: bad news\\x07\n")
    assert len(stream.getvalue().splitlines()) == 1


def test_configuring_twice_writes_each_line_once(stream: io.StringIO) -> None:
    configure_logging("info", json=False, stream=io.StringIO())
    configure_logging("info", json=False, stream=stream)
    Logger("node").info("up")
    assert len(stream.getvalue().splitlines()) == 1


def test_text_with_spaces_is_quoted_so_that_fields_stay_apart(stream: io.StringIO) -> None:
    configure_logging("info", json=False, stream=stream)
    Logger("node").info("up", label="my laptop", empty="", sum="a=b")
    assert stream.getvalue().endswith(' label="my laptop" empty="" sum="a=b"\n')


def test_a_quote_cannot_end_its_field(stream: io.StringIO) -> None:
    configure_logging("info", json=False, stream=stream)
    Logger("node").info("up", label='x" address="evil')
    assert stream.getvalue().endswith(' label="x\\" address=\\"evil"\n')
