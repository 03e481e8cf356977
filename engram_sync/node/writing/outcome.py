"""What a job of the write path changed beside the store: noted while it runs, then handed over."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engram_sync.sync import ScopeView


@dataclass(slots=True, frozen=True)
class JobOutcome:
    """What whoever submitted a job acts on, once it is durable."""

    views: tuple[ScopeView, ...]
    """The newest view of every scope that it touched, sorted by scope."""
    changed: frozenset[bytes]
    """Ids of engrams that received, or only now materialised, records changed."""
    reports: tuple[tuple[str, str], ...]
    """What somebody should know, by name, in words for ``status``."""
    erased: bool
    """Whether something was erased that is still in the files."""
    erased_here: bool
    """Whether any of that was erased by this node itself."""
    waits: bool
    """Whether records that build on refused ones wait for these."""


@dataclass(slots=True)
class JobNotes:
    """What has been noted of the job that runs; a job that fails takes its notes with it."""

    touched: set[bytes] = field(default_factory=set[bytes])
    """Scopes whose view is another one now."""
    changed: set[bytes] = field(default_factory=set[bytes])
    reports: dict[str, str] = field(default_factory=dict[str, str])
    erased: bool = False
    erased_here: bool = False

    def outcome(self, views: Iterable[ScopeView], *, waits: bool) -> JobOutcome:
        """The outcome of the job, which has ended well, with the views of the scopes touched."""
        changed, reports = frozenset(self.changed), tuple(self.reports.items())
        return JobOutcome(tuple(views), changed, reports, self.erased, self.erased_here, waits)
