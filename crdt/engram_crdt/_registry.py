"""Strategies by name, those of this program's own included."""

import re
from collections.abc import Iterable
from functools import reduce

from ._dots import Element
from ._laws import GENERATED_STATES, Merge, attempt, check_merge
from ._resolvers import siblings
from ._strategies import BUILT_IN, MVR, Context, Resolution, Resolver

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_NO_CONTEXT = Context()


class StrategyRegistry:
    """The strategies that this program can read by: the built-in ones and its own.

    A custom strategy is named ``name@version``, because two programs that mean different merges by
    one name would read differently for ever.  A name that is not known here reads as ``mvr``: all
    siblings are shown, none is chosen wrongly.
    """

    def __init__(self) -> None:
        self._resolvers: dict[str, Resolver] = dict(BUILT_IN)

    def register(
        self,
        name: str,
        version: int,
        merge: Merge,
        *,
        states: Iterable[bytes] = GENERATED_STATES,
        check: bool = True,
    ) -> str:
        """Add a custom strategy.

        Args:
            name: Lower-case letters, digits and dashes.
            version: From 1; to be increased whenever the merge gives another result for anything.
            merge: Makes one encoded value of two: a pure function, commutative, associative and
                idempotent.
            states: Encoded values to try it on.
            check: Whether to try it; see ``check_merge``.

        Returns:
            ``name@version``.

        Raises:
            ValueError: The name is malformed or taken, or the version is below 1.
            CounterExample: The merge would make replicas read differently.
        """
        full = f"{name}@{version}"
        if not _NAME.fullmatch(name) or version < 1:
            raise ValueError(f"{full!r} is no name of a strategy")
        if full in self._resolvers:
            raise ValueError(f"{full} is registered already; another merge is another version")
        if check:
            check_merge(merge, states)
        self._resolvers[full] = _custom(merge)
        return full

    def known(self, name: str) -> bool:
        """Tell whether a strategy can be read by here."""
        return name in self._resolvers

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._resolvers)

    def resolve(
        self, name: str, elements: Iterable[Element], context: Context = _NO_CONTEXT
    ) -> Resolution:
        """Read the elements of one collection; writes nothing."""
        return self._resolvers.get(name, self._resolvers[MVR])(elements, context)


def _custom(merge: Merge) -> Resolver:
    def resolve(elements: Iterable[Element], context: Context) -> Resolution:
        distinct = siblings(elements)
        values: list[bytes | None] = [element.value for element in distinct]
        merged = reduce(lambda one, two: attempt(merge, one, two), values) if values else None
        if merged is None:
            # Something is owed, or not of the merge's kind: nobody can tell what they make.
            return BUILT_IN[MVR](distinct, context)
        return Resolution(tuple(distinct), (), merged)

    return resolve
