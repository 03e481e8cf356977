"""Episodes: events that keep their names and their order while they are amended.

An event is written with a name of its own; an amendment takes the place of the accounts its author
saw, under the same name.  So two amendments that did not know of each other stand side by side
under one name, and are found as a conflict.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from engram_crdt import Element
from engram_sync.errors import NotFoundError, UsageError
from engram_sync.model.readings import (
    SOURCE_KEY,
    EventVersion,
    account_of,
    encoded_account,
    part_id,
)
from engram_wire.cbor import is_dict

from .draft_parts import DraftParts
from .fields import EVENTS, entry, text_value
from .limits import SOURCE_KEY_BYTES_MAX


class ShownEvent(NamedTuple):
    """An event and the live element that tells it."""

    element: Element
    account: EventVersion


def event_value(event: object) -> bytes:
    """An event: text, or any value as JSON has them; ``key`` of an object is its source key.

    Raises:
        UsageError: It is too large, or made of something else.
    """
    value = entry("an event", event)
    if is_dict(event) and SOURCE_KEY in event:
        key = event[SOURCE_KEY]
        if not isinstance(key, str) or not key:
            raise UsageError(
                f"the source key of an event is a text, not {key!r:.60}",
                hint="its source's own name for the event, or leave `key` out",
            )
        text_value("the source key of an event", key, SOURCE_KEY_BYTES_MAX)
    return value


def check_source_keys(events: Iterable[object]) -> None:
    """Refuse events of one source key that say different things.

    Raises:
        UsageError: There are such.
    """
    said: dict[object, bytes] = {}
    for event in events:
        if is_dict(event) and isinstance(event.get(SOURCE_KEY), str):
            value = event_value(event)
            if said.setdefault(event[SOURCE_KEY], value) != value:
                raise UsageError(f"two events with the key {event[SOURCE_KEY]!r:.80} differ")


def first_values(events: Iterable[object], source: bytes) -> list[bytes]:
    """Events that are told for the first time, in order; equal ones once.

    Args:
        events: As callers give them.
        source: What they are named from: see ``DraftParts.source``.
    """
    values = dict.fromkeys(event_value(event) for event in events)
    return [
        encoded_account(EventVersion(part_id(source, value), 0, place, None, value, 0))
        for place, value in enumerate(values)
    ]


def told(elements: Iterable[Element]) -> list[ShownEvent]:
    """The live accounts of all events that are held, in the order of the events."""
    accounts = [(e, account_of(e)) for e in elements if e.collection == EVENTS]
    known = [ShownEvent(e, account) for e, account in accounts if account is not None]
    return sorted(
        known,
        key=lambda t: (t.account.hlc, t.account.clock, t.account.id, t.element.hlc, t.element.dot),
    )


def shown_events(elements: Iterable[Element]) -> list[list[ShownEvent]]:
    """Of each event its unequal accounts, in the order of the events.

    Equal accounts count once, and so do equal events of one source key.
    """
    by_id: dict[bytes, dict[bytes, ShownEvent]] = {}
    names: dict[tuple[str, bytes], bytes] = {}
    for one in told(elements):
        account = one.account
        name = account.id
        if account.source_key is not None:
            name = names.setdefault((account.source_key, account.encoded), account.id)
        by_id.setdefault(name, {}).setdefault(account.encoded, one)
    return [list(accounts.values()) for accounts in by_id.values()]


def change_events(
    parts: DraftParts,
    seen: Sequence[Element],
    *,
    add: Sequence[object],
    amend: Mapping[str, object],
    remove: Collection[str],
) -> None:
    """Add what a caller wants of the events it saw to a record in the making.

    Raises:
        NotFoundError: The caller's view has no such event.
        UsageError: An event is malformed, or named twice.
    """
    check_source_keys(add)
    known = told(seen)
    done: set[bytes] = set()
    changes = [*amend.items(), *((name, None) for name in remove)]
    for number, (name, event) in enumerate(changes):
        accounts = named(known, name)
        if accounts[0].account.id in done:
            raise UsageError(f"event {name} is named twice")
        done.add(accounts[0].account.id)
        if number >= len(amend):
            parts.remove(one.element for one in accounts)
            continue
        amended = accounts[0].account._replace(
            encoded=event_value(event),
            amendments=1 + max(one.account.amendments for one in accounts),
        )
        parts.replace(EVENTS, encoded_account(amended), [one.element for one in accounts])
    for value in first_values(add, parts.source):
        parts.restate(EVENTS, value)


def named(known: Sequence[ShownEvent], name: str) -> list[ShownEvent]:
    """Every account of the event that a full id or the unique beginning of one means.

    Raises:
        NotFoundError: There is none.
        UsageError: There are several.
    """
    found = [one for one in known if one.account.id.hex().startswith(name.strip().lower())]
    ids = {one.account.id for one in found}
    if not name.strip() or not found:
        raise NotFoundError(
            f"the memory shows no event {name!r:.80}", hint="`get ID --json` shows their ids"
        )
    if len(ids) > 1:
        raise UsageError(f"{name!r} is the beginning of several ids", hint="give more characters")
    return found


def restated(element: Element) -> bytes | None:
    """An event as it is written again: under its own name, with its own time."""
    account = account_of(element)
    if account is None:
        return None
    return encoded_account(account)
