"""A village for each test; tests in it take ``autojump_clock`` too, which only works by name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .village import Village


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where witnesses are left: of this test alone."""
    directory = tmp_path / "runtime"
    monkeypatch.setenv("ENGRAM_SYNC_RUNTIME_DIR", str(directory))
    return directory


@pytest.fixture
def village() -> Iterator[Village]:
    built = Village()
    yield built
    built.close()
