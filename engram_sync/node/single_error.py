"""One error out of a nursery is that error, not a group of one."""

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def single_error() -> Generator[None]:
    """Raise what the block's nurseries raised without the groups around it, when it is one error.

    Whoever embeds a node catches ``NotFoundError``, whatever runs beside it.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        error = _only_error(group)
        if error is None:
            raise
        raise error from error.__cause__


def _only_error(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """What is left when every group of one is taken away, unless that is a group of several."""
    while len(group.exceptions) == 1:
        match group.exceptions[0]:
            case BaseExceptionGroup() as inner:
                group = inner
            case error:
                return error
    return None
