"""Who has begun more logs than it has ended.

A log that was ended costs next to nothing, however many there are of them.  One that may go on is
stated in every comparison and named in the causal past of what comes after it.
"""

from engram_sync.node.core import Core
from engram_sync.node.limits import OPEN_LOGS_MANY, OPEN_LOGS_TOLD_MAX
from engram_sync.observe import printable
from engram_sync.store import Reader


def open_log_problems(core: Core, reader: Reader) -> list[str]:
    """Authors with many logs that may go on, the worst first; in words for ``status``."""
    many = [found for found in reader.open_logs() if found[2] > OPEN_LOGS_MANY]
    many.sort(key=lambda found: (-found[2], found))
    problems: list[str] = []
    for _, author, count in many[:OPEN_LOGS_TOLD_MAX]:
        if author == core.key.public:
            problems.append(
                f"this node has {count:,} logs that it has not ended; it ends them with the first"
                " memory that it writes after its next start"
            )
            continue
        label = printable(core.path.label(core.facts.agent_scope, author)) or author.hex()[:16]
        problems.append(
            f"{label} has {count:,} logs that it has not ended, which costs every comparison and"
            " every later record; a node ends them when it starts and writes, so this one does not"
            " follow the protocol or has not written since"
        )
    return problems
