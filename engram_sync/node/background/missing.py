"""Which values have not arrived, and who wrote them."""

from collections import Counter

from engram_sync.api import Missing
from engram_sync.model.ids import engram_text, node_text
from engram_sync.node.core import Core
from engram_sync.observe import printable
from engram_sync.store import Reader

LOOKED_AT_MAX = 256
"""Values of one scope that are looked up by name; a member can withhold any number."""
NAMED_MAX = 20
"""Of one scope."""


def missing(core: Core, reader: Reader) -> tuple[Missing, ...]:
    """The first memories that lack values, by author; ``owed`` counts all values."""
    found: list[Missing] = []
    for view in tuple(core.scopes.values()):
        if not view.owed:
            continue
        counts: Counter[tuple[bytes, bytes]] = Counter()
        for _, n, seq in reader.owed(view.number, LOOKED_AT_MAX):
            log = reader.log(n)
            for record in reader.records(n, seq, seq):
                assert log is not None, "a record lies in a log"
                counts[record.engram, log.author] += 1
        found += [
            Missing(
                engram=engram_text(engram),
                scope=view.scope.hex(),
                node=node_text(author),
                label=printable(core.path.label(view.scope, author)),
                values=values,
            )
            for (engram, author), values in counts.most_common(NAMED_MAX)
        ]
    return tuple(found)
