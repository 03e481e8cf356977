"""A cluster for each test; tests of it take ``autojump_clock`` too, which only works by name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engram_sync.testing import Cluster


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where witnesses are left: of this test alone."""
    directory = tmp_path / "runtime"
    monkeypatch.setenv("ENGRAM_SYNC_RUNTIME_DIR", str(directory))
    return directory


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as built:
        yield built
