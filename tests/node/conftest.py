"""A village for each test; tests in it take ``autojump_clock`` too, which only works by name."""

from collections.abc import Iterator

import pytest

from .village import Village


@pytest.fixture
def village() -> Iterator[Village]:
    built = Village()
    yield built
    built.close()
