"""What ``status`` says of scopes: what forked while that is news, what waits, what is too new."""

from engram_sync.node.core import Core
from engram_sync.node.home.newer import uses
from engram_sync.node.limits import FORKS_TOLD_MAX
from engram_sync.node.writing.outcome import JobOutcome
from engram_sync.observe import printable
from engram_sync.sync import ScopeView


class ScopeProblems:
    """Keeps what the newest views and outcomes say among the problems of the node.

    Args:
        core: The node; a fork that its views name already is no news.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._told = frozenset(
            (fork.root, fork.base, len(fork.branches))
            for view in core.scopes.values()
            for fork in view.forks
        )
        """Root, last common position and number of branches of each fork that is no news."""
        for view in core.scopes.values():
            self._tell_needs(view)
        core.listeners.append(self._on_view)
        core.followers.append(self._on_outcome)

    def _on_view(self, _: ScopeView | None, view: ScopeView) -> None:
        self._tell_needs(view)
        self._tell_forks(view)

    def _on_outcome(self, outcome: JobOutcome) -> None:
        problems = self._core.problems
        problems.pop("waiting", None)
        if outcome.waits:
            problems["waiting"] = (
                "records that build on refused ones are not taken before these are"
            )
        problems.update(outcome.reports)

    def _tell_needs(self, view: ScopeView) -> None:
        problem = f"newer {view.scope.hex()}"
        self._core.problems.pop(problem, None)
        if view.needs:
            self._core.problems[problem] = (
                f"scope {view.scope.hex()[:16]} {uses(view.needs)}: it is neither shared nor"
                " written to until this machine is upgraded"
            )

    def _tell_forks(self, view: ScopeView) -> None:
        """Call a fork a problem while it is news; ``status`` lists it for ever.

        Nobody can undo it and nothing of it is lost, so whoever opens the node again has seen it.
        """
        problems, scope = self._core.problems, view.scope
        room = FORKS_TOLD_MAX - sum(name.startswith("fork ") for name in problems)
        for fork in view.forks:
            problem = f"fork {fork.root.hex()} {fork.base}"
            if (fork.root, fork.base, len(fork.branches)) in self._told:
                continue
            if problem not in problems:
                room -= 1
            if room >= 0 or problem in problems:
                label = self._core.path.label(scope, fork.author)
                name = printable(label) or fork.author.hex()[:16]
                problems[problem] = (
                    f"log {fork.root.hex()[:16]} of {name} forked into {len(fork.branches)}"
                    f" branches after record {fork.base}: its home was copied or restored, or its"
                    " key is used twice; all of it is kept"
                )
        if room < 0:
            problems[f"forks {scope.hex()}"] = (
                f"logs of scope {scope.hex()[:16]} forked at {len(view.forks)} places: more than"
                " copied homes explain, a member's key is probably used twice; all of it is kept"
            )
