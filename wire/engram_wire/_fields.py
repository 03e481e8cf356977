"""One item of a decoded array at a time: exactly this type, in this range, or ``ProtocolError``."""

from typing import TypeGuard

from . import _limits
from ._printable import is_printable
from .cbor import is_list
from .errors import LimitError, ProtocolError


def integer_untrusted(value: object, least: int, most: int, what: str) -> int:
    """``value``, an integer from ``least`` to ``most``; a boolean is not one."""
    if type(value) is not int or not least <= value <= most:
        raise ProtocolError(f"{what} is not an integer from {least} to {most}")
    return value


def bytes_untrusted(value: object, size: int, what: str) -> bytes:
    """``value``, exactly ``size`` bytes."""
    if type(value) is not bytes or len(value) != size:
        raise ProtocolError(f"{what} is not {size} bytes")
    return value


def blob_untrusted(value: object, bytes_max: int, what: str) -> bytes:
    """``value``, at most ``bytes_max`` bytes."""
    if type(value) is not bytes:
        raise ProtocolError(f"{what} is not bytes")
    if len(value) > bytes_max:
        raise LimitError(f"{what} of {len(value)} bytes, at most {bytes_max}")
    return value


def hash_untrusted(value: object, what: str) -> bytes:
    """``value``, 32 bytes: a hash, a key or an id made from one."""
    return bytes_untrusted(value, _limits.HASH_BYTES, what)


def text_untrusted(value: object, bytes_max: int, what: str) -> str:
    """``value``, text of at most ``bytes_max`` bytes in UTF-8, printable throughout."""
    if type(value) is not str or not is_printable(value):
        raise ProtocolError(f"{what} is not printable text")
    if len(value.encode()) > bytes_max:
        raise LimitError(f"{what} of more than {bytes_max} bytes")
    return value


def name_untrusted(value: object) -> str:
    """``value``, the name of an extension: printable text that is not empty."""
    name = text_untrusted(value, _limits.NAME_BYTES_MAX, "name of an extension")
    if not name:
        raise ProtocolError("an extension without a name")
    return name


def list_untrusted(value: object, count_max: int, what: str) -> list[object]:
    """``value``, an array of at most ``count_max`` items."""
    if not is_list(value):
        raise ProtocolError(f"{what} is not an array")
    if len(value) > count_max:
        raise LimitError(f"{what} of {len(value)} items, at most {count_max}")
    return value


def tuple_untrusted(value: object, size: int, what: str) -> list[object]:
    """``value``, an array of exactly ``size`` items."""
    if not is_list(value) or len(value) != size:
        raise ProtocolError(f"{what} is not an array of {size}")
    return value


def byte_column_untrusted(value: object, count: int, what: str) -> list[bytes]:
    """``value``, an array of ``count`` byte strings."""
    column = tuple_untrusted(value, count, what)
    if not _all_bytes(column):
        raise ProtocolError(f"{what} does not hold byte strings")
    return column


def integer_column_untrusted(
    value: object, count: int, most: int, what: str, *, least: int = 0
) -> list[int]:
    """``value``, an array of ``count`` integers from ``least`` to ``most``."""
    column = tuple_untrusted(value, count, what)
    if not _all_integers(column) or (column and not least <= min(column) <= max(column) <= most):
        raise ProtocolError(f"{what} does not hold integers from {least} to {most}")
    return column


def _all_bytes(column: list[object]) -> TypeGuard[list[bytes]]:
    return set(map(type, column)) <= {bytes}


def _all_integers(column: list[object]) -> TypeGuard[list[int]]:
    return set(map(type, column)) <= {int}
