"""What ``status`` says of logs that were continued in several ways, while that is news."""

from engram_sync.node.limits import FORKS_TOLD_MAX
from engram_sync.node.writing.write_path import WritePath
from engram_sync.observe import printable
from engram_sync.sync import ScopeView


def tell_forks(
    path: WritePath,
    view: ScopeView,
    problems: dict[str, str],
    *,
    told: frozenset[tuple[bytes, int, int]],
) -> None:
    """Call a fork a problem while it is news; ``status`` lists it for ever.

    Nobody can undo it and nothing of it is lost, so whoever opens the node again has seen it.

    Args:
        path: The write path.
        view: The newest of the scope.
        problems: Open problems by name, in words; changed in place.
        told: Root, last common position and number of branches of each fork that is no news.
    """
    scope, forks = view.scope, view.forks
    room = FORKS_TOLD_MAX - sum(name.startswith("fork ") for name in problems)
    for fork in forks:
        problem = f"fork {fork.root.hex()} {fork.base}"
        if (fork.root, fork.base, len(fork.branches)) in told:
            continue
        if problem not in problems:
            room -= 1
        if room >= 0 or problem in problems:
            name = printable(path.label(scope, fork.author)) or fork.author.hex()[:16]
            problems[problem] = (
                f"log {fork.root.hex()[:16]} of {name} goes on in {len(fork.branches)} ways"
                f" after record {fork.base}: its home was copied or rolled back, or somebody"
                " lies; all of it is kept"
            )
    if room < 0:
        problems[f"forks {scope.hex()}"] = (
            f"logs of scope {scope.hex()[:16]} go on in several ways at {len(forks)} places:"
            " somebody lies"
        )
