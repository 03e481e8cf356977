"""What the scopes held here use that this version does not know and must not go on without.

Whoever goes on all the same would serve a key that was put out, or show what was taken back.  So
such a scope is kept as it is, and neither shared nor written to until the program is upgraded.
"""

from collections.abc import Iterable

from engram_sync.errors import DegradedError
from engram_sync.membership import Charters
from engram_sync.store import Reader, Transaction
from engram_wire import Record, cbor, newer_kind

_META = "newer "
_SAMPLES_MAX = 16
"""Of each scope: enough for a message, and a scope that needs one more thing is stopped anyway."""


class Newer:
    """What each scope needs.

    Args:
        charters: The memberships.
    """

    def __init__(self, charters: Charters) -> None:
        self._charters = charters
        self._samples: dict[bytes, dict[str, tuple[bytes, bytes]]] = {}
        """By scope and by what is needed: shape and superseded of a record that needs it."""

    def load(self, reader: Reader, scopes: Iterable[bytes]) -> None:
        """Remember what an earlier run could not go on without, unless this version can."""
        for scope in scopes:
            stored = cbor.decode_untrusted(reader.meta(_META + scope.hex()) or b"\x80")
            assert cbor.is_list(stored), "written by note"
            for shape, superseded in zip(stored[::2], stored[1::2], strict=True):
                assert isinstance(shape, bytes), "written by note"
                assert isinstance(superseded, bytes), "written by note"
                if needs := newer_kind(shape, superseded):
                    self._samples.setdefault(scope, {})[needs] = shape, superseded

    def save(self) -> dict[bytes, dict[str, tuple[bytes, bytes]]]:
        """What ``restore`` needs when the transaction fails."""
        return {scope: dict(samples) for scope, samples in self._samples.items()}

    def restore(self, saved: dict[bytes, dict[str, tuple[bytes, bytes]]]) -> None:
        """Go back to what was saved."""
        self._samples = saved

    def note(self, tx: Transaction, scope: bytes, records: Iterable[Record]) -> None:
        """Look at records of data that are being stored."""
        samples = self._samples.get(scope, {})
        for record in records:
            needs = newer_kind(record.shape, record.superseded)
            if needs is not None and needs not in samples and len(samples) < _SAMPLES_MAX:
                samples = self._samples.setdefault(scope, samples)
                samples[needs] = record.shape, record.superseded
                flat = [part for sample in samples.values() for part in sample]
                tx.put_meta(_META + scope.hex(), cbor.encode(flat))

    def of(self, scope: bytes) -> str | None:
        """What ``scope`` needs, in words; None when this version knows all of it."""
        return self._charters.of(scope).newer or next(iter(self._samples.get(scope, ())), None)

    def check(self, scope: bytes) -> None:
        """Refuse to write to a scope that needs a newer version.

        Raises:
            DegradedError: It does.
        """
        if needs := self.of(scope):
            raise DegradedError(
                f"scope {scope.hex()[:16]} {uses(needs)}, and is not written to until then",
                hint="upgrade engram-sync on this machine",
            )


def uses(needs: str) -> str:
    """What a scope uses, in words for ``status``."""
    return f"uses {needs}, which only a newer version of engram-sync knows"
