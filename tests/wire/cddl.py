"""A reader of the part of CDDL (RFC 8610) that ``wire/engram.cddl`` uses: no maps, no generics.

The validators for Python do not fit: one is bound to an older CBOR library, the other refuses
``.cbor`` inside an array and passes optional arrays unread.
"""

import io
import re
from collections.abc import Callable
from typing import TypeAlias, cast

import cbor2

from engram_wire import WireError, cbor

Type: TypeAlias = Callable[[object], bool]
"""Whether a value is of the type."""
Group: TypeAlias = Callable[[list[object], set[int]], set[int]]
"""Where in an array the group can end when it begins at one of these places."""

_TOKEN = re.compile(r'\s+|;[^\n]*|("[^"]*"|-?\d+|\.\.|\.[a-z]+|[a-z][a-z0-9-]*|[][()=:,/*])')

_PRELUDE: dict[str, Type] = {
    "any": lambda value: True,
    "bool": lambda value: type(value) is bool,
    "bstr": lambda value: type(value) is bytes,
    "nil": lambda value: value is None,
    "tstr": lambda value: type(value) is str,
}


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"no CDDL as this reader knows it: {text[at : at + 30]!r}")
        found += [match[1]] if match[1] else []
        at = match.end()
    return found


def _size(value: object) -> int:
    if isinstance(value, str):
        return len(value.encode())
    return len(value) if isinstance(value, bytes) else -1


def _in_bytes(value: object) -> object:
    try:
        return cbor.decode_untrusted(cast("bytes", value))
    except WireError:
        return ...  # of no type, not even any


def _sequence(value: object) -> object:
    data = cast("bytes", value)
    stream = io.BytesIO(data)
    items: list[object] = []
    try:
        while stream.tell() < len(data):
            # A decoder of its own for each item reads no further than that item.
            items.append(cbor2.load(stream, read_size=1))
    except cbor2.CBORError:
        return ...
    return items


_CONTROLS: dict[str, Callable[[object], object]] = {
    ".cbor": _in_bytes,
    ".cborseq": _sequence,
    ".size": _size,
}


class Grammar:
    """The rules of one CDDL text.

    Raises:
        ValueError: the text is not CDDL, or names a rule that it does not define.
    """

    def __init__(self, text: str) -> None:
        self.rules: dict[str, Type] = {}
        self.used: set[str] = set()
        self._groups: dict[str, Group] = {}
        self._tokens = [*_tokens(text), "", "", ""]
        self._at = 0
        while self._peek():
            self._rule()
        unknown = self.used - self.rules.keys() - self._groups.keys() - _PRELUDE.keys()
        if unknown:
            raise ValueError(f"rules that are nowhere defined: {sorted(unknown)}")

    def matches(self, rule: str, data: bytes) -> bool:
        """Whether ``data`` is canonical CBOR of the type ``rule``."""
        return self.rules[rule](_in_bytes(data))

    # ---- parsing ---------------------------------------------------------------------------------

    def _peek(self, ahead: int = 0) -> str:
        return self._tokens[self._at + ahead]

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, token: str) -> None:
        if (found := self._next()) != token:
            raise ValueError(f"{found!r} where {token!r} belongs, at token {self._at}")

    def _rule(self) -> None:
        name = self._next()
        self._expect("=")
        if name in self.rules or name in self._groups:
            raise ValueError(f"{name} is defined twice")
        if self._peek() == "(" and self._peek(2) == ":":
            self._next()
            self._groups[name] = self._group(")")
        else:
            self.rules[name] = self._type()

    def _type(self) -> Type:
        choices = [self._one_type()]
        while self._peek() == "/":
            self._next()
            choices.append(self._one_type())
        return lambda value: value is not ... and any(choice(value) for choice in choices)

    def _one_type(self) -> Type:
        if re.fullmatch(r"-?\d+", self._peek()) and self._peek(1) == "..":
            least, most = int(self._next()), int(self._tokens[self._at + 1])
            self._at += 2
            return lambda value: type(value) is int and least <= value <= most
        target = self._simple_type()
        if self._peek() in _CONTROLS:
            view = _CONTROLS[self._next()]
            inner = self._simple_type()
            return lambda value: target(value) and inner(view(value))
        return target

    def _simple_type(self) -> Type:
        token = self._next()
        if token == "[":
            return self._array(self._group("]"))
        if token == "(":
            inner = self._type()
            self._expect(")")
            return inner
        if token.startswith('"'):
            return lambda value: value == token[1:-1]
        if re.fullmatch(r"-?\d+", token):
            return lambda value: type(value) is int and value == int(token)
        self.used.add(token)

        def named(value: object) -> bool:
            # Looked up late: a rule may stand behind its first use.
            rule = self.rules.get(token) or _PRELUDE[token]
            return rule(value)

        return named

    def _array(self, group: Group) -> Type:
        def matches(value: object) -> bool:
            return cbor.is_list(value) and len(value) in group(value, {0})

        return matches

    def _group(self, end: str) -> Group:
        entries: list[Group] = []
        while self._peek() != end:
            entries.append(self._entry())
            if self._peek() == ",":
                self._next()
        self._expect(end)

        def ends(items: list[object], places: set[int]) -> set[int]:
            for entry in entries:
                places = entry(items, places)
            return places

        return ends

    def _entry(self) -> Group:
        least, most = self._occurrence()
        if self._peek(1) == ":":
            self._at += 2
        name = self._peek()
        item = self._type()

        def once(items: list[object], places: set[int]) -> set[int]:
            if name in self._groups:
                return self._groups[name](items, places)
            return {at + 1 for at in places if at < len(items) and item(items[at])}

        def ends(items: list[object], places: set[int]) -> set[int]:
            reached: set[int] = set()
            for count in range(min(most, len(items)) + 1):
                reached |= places if count >= least else set()
                if count == most or not places:
                    break
                places = once(items, places)
            return reached

        return ends

    def _occurrence(self) -> tuple[int, int]:
        if self._peek() == "*":
            self._next()
            return 0, 1 << 64
        if self._peek(1) != "*":
            return 1, 1
        least, most = int(self._next()), int(self._tokens[self._at + 1])
        self._at += 2
        return least, most
