"""The one place where calls cross into pycrdt."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ._errors import DocumentError

_P = ParamSpec("_P")
_T = TypeVar("_T")


def cross(call: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Call into pycrdt and turn each of its failures into a ``DocumentError``.

    A panic of the Rust code arrives as ``pyo3_runtime.PanicException``, which derives from
    ``BaseException`` and cannot be imported: left alone it would pass every ``except Exception``
    above and end the process.  Interrupts and exits pass through.

    Raises:
        DocumentError: pycrdt refused or panicked.
    """
    try:
        return call(*args, **kwargs)
    except Exception as error:
        raise DocumentError(f"pycrdt refused: {error}") from error
    except BaseException as error:
        if type(error).__module__ != "pyo3_runtime":
            raise
        raise DocumentError(f"pycrdt panicked: {error}") from error
