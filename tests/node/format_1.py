"""A home as a release wrote it whose records do not hash by the rules of today.

``fixtures/format_1.md`` says how it was made.
"""

import gzip
from pathlib import Path

FIXTURES = Path(__file__).parent / "fixtures"


def old_store() -> bytes:
    """The store as that release left it."""
    return gzip.decompress((FIXTURES / "format_1.db.gz").read_bytes())


def write_home(home: Path) -> Path:
    """Make ``home`` the directory of that node; returns it."""
    home.mkdir(mode=0o700)
    (home / "store.db").write_bytes(old_store())
    (home / "node.key").write_bytes((FIXTURES / "format_1.key").read_bytes())
    (home / "node.key").chmod(0o600)
    return home
