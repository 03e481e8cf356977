"""How many seeds a search tries: some of them in `make test`, all with `make searches SEEDS=all`.

What is planted is searched for from the seed that is known to find it, in both.
"""

import os
from typing import TypeVar

T = TypeVar("T")
ALL = os.environ.get("SEEDS") == "all"


def chosen(some: T, *, of: T) -> T:
    """``some``, or all of what they were chosen from."""
    return of if ALL else some
