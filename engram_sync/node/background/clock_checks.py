"""Whether this machine's clock agrees with the clocks of what was written.

A wrong clock changes nothing about a memory, but whoever has one wants to know.
"""

from engram_crdt import hlc
from engram_sync.node.core import Core
from engram_sync.node.limits import CLOCK_AHEAD_MS, CLOCKS_TOLD_MAX
from engram_sync.observe import printable
from engram_sync.store import Reader

_UNITS = ((365 * 86_400_000, "years"), (86_400_000, "days"), (3_600_000, "h"), (60_000, "min"))


def clock_problems(core: Core, reader: Reader) -> list[str]:
    """Whose newest record lies well ahead of this machine's clock; in words for ``status``."""
    now_ms = core.environment.clock.now_ms()
    ahead: dict[bytes, int] = {}
    for _, author, clock in reader.newest_clocks():
        ms = (clock >> hlc.COUNTER_BITS) - now_ms
        if ms > CLOCK_AHEAD_MS:
            ahead[author] = max(ms, ahead.get(author, 0))
    problems: list[str] = []
    own = ahead.pop(core.key.public, 0)
    if own:
        problems.append(
            f"this machine's clock is {_span(own)} behind the newest memory written here;"
            " nothing is hidden or lost by that"
        )
    for author in sorted(ahead, key=lambda key: (-ahead[key], key))[:CLOCKS_TOLD_MAX]:
        label = printable(core.path.label(core.facts.agent_scope, author)) or author.hex()[:16]
        problems.append(
            f"the newest record of {label} is dated {_span(ahead[author])} ahead of this"
            " machine's clock: one of the two clocks is wrong; nothing is hidden or lost by that"
        )
    return problems


def _span(ms: int) -> str:
    size, unit = next((u for u in _UNITS if round(ms / u[0]) >= 2), (1_000, "s"))
    return f"{round(ms / size):,} {unit}"
