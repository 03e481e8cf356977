"""What may be asked over control: one dictionary, method name to typed call.

The argument types are the only validation of what a client sends, and msgspec's message names
the place of what is wrong.  Values are checked again by the Node, as for every caller.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import msgspec

from engram_sync.api import CONFLICTS, HISTORY_ENTRIES, NewMemory, Page
from engram_sync.errors import PreconditionError, UsageError

from ._api import NodeApi

P = TypeVar("P", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Served:
    """What the methods act on."""

    node: NodeApi
    pid: int
    home: str
    """``directory_id`` of the node's home."""
    stop: Callable[[], None] | None
    """Asks the program around the node to shut down; None when it offers no way to."""


class _Params(msgspec.Struct, forbid_unknown_fields=True):
    """Arguments by keyword; unknown ones are refused, not ignored."""


class NoParams(_Params):
    pass


class RememberParams(_Params):
    memory: NewMemory


class RememberManyParams(_Params):
    memories: list[NewMemory]


class FilterParams(_Params):
    limit: int
    tags: tuple[str, ...] = ()
    type: str | None = None
    scope: str | None = None
    since_ms: int | None = None
    epistemic: str | None = None


class RecallParams(FilterParams, kw_only=True):
    query: str


class ListParams(FilterParams, kw_only=True):
    life: str | None = "active"
    after: str | None = None


class RefParams(_Params):
    ref: str
    at_ms: int | None = None


class PageParams(_Params):
    limit: int = CONFLICTS
    after: str | None = None


class HistoryParams(_Params):
    ref: str
    at_ms: int | None = None
    limit: int = HISTORY_ENTRIES
    after: str | None = None


class RestoreParams(_Params):
    ref: str
    if_version: str | None = None


class LifeParams(_Params):
    ref: str
    reason: str = ""
    if_version: str | None = None


class ForgetParams(LifeParams):
    erase: bool = False


class UpdateParams(_Params):
    ref: str
    content: str | None = None
    title: str | None = None
    category: str | None = None
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    confidence: float | None = None
    metadata: dict[str, Any] | None = None
    epistemic: str | None = None
    believe: dict[str, Any] | list[dict[str, Any]] | None = None
    add_events: tuple[Any, ...] = ()
    amend_events: dict[str, Any] | None = None
    remove_events: tuple[str, ...] = ()
    refine: dict[str, Any] | None = None
    refine_parents: tuple[str, ...] | None = None
    count: dict[str, int] | None = None
    edits: tuple[tuple[Literal["insert", "delete"], int, str | int], ...] = ()
    if_version: str | None = None


class SyncParams(_Params):
    timeout_s: float = 30.0


class CompactParams(_Params):
    keep_days: float = 30.0
    dry_run: bool = False


class LabelParams(_Params):
    label: str


class InviteParams(_Params):
    ttl_s: float = 900.0
    role: str = "member"
    uses: int = 1


class JoinParams(_Params):
    token: str
    bring: bool = False


class Paged(msgspec.Struct):
    """A page on its way: JSON has no list that knows how to go on."""

    items: list[Any]
    next: str | None

    @classmethod
    def of(cls, page: Page[Any]) -> "Paged":
        """The page as it travels."""
        return cls(list(page), page.next)


class Greeting(msgspec.Struct):
    """The answer to ``hello``."""

    pid: int
    node: str
    home: str
    """``directory_id`` of the home that is served."""
    unstored: str = ""


class Method(Generic[P]):
    """One row of the table.

    Args:
        params: Type of the arguments.
        call: What to do with them.
        abandon: Whether the work ends when its client hangs up.  Reads and waits do; a write is
            carried to its end, so that its outcome is never half of it.
    """

    def __init__(
        self, params: type[P], call: Callable[[Served, P], Awaitable[object]], *, abandon: bool
    ) -> None:
        self.abandon = abandon
        self._decoder = msgspec.json.Decoder(params)
        self._call = call

    def prepare(self, served: Served, params: msgspec.Raw) -> Callable[[], Awaitable[object]]:
        """Check the arguments now, and return the call.

        Raises:
            UsageError: An argument is missing, unknown or of the wrong type.
        """
        try:
            checked = self._decoder.decode(params)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise UsageError(f"wrong arguments: {error}") from error
        return lambda: self._call(served, checked)


async def _hello(served: Served, _: NoParams) -> Greeting:
    identity = await served.node.identity()
    return Greeting(served.pid, identity.node, served.home, served.node.unstored)


async def _remember(served: Served, params: RememberParams) -> object:
    memory = params.memory
    return await served.node.remember(
        memory.content,
        type=memory.type,
        scope=memory.scope,
        title=memory.title,
        category=memory.category,
        tags=memory.tags,
        confidence=memory.confidence,
        metadata=memory.metadata,
        belief=memory.belief,
        events=memory.events,
        key=memory.key,
        epistemic=memory.epistemic,
        skill=memory.skill,
        counters=memory.counters,
        collaborative=memory.collaborative,
    )


async def _update(served: Served, params: UpdateParams) -> object:
    return await served.node.update(
        params.ref,
        content=params.content,
        title=params.title,
        category=params.category,
        add_tags=params.add_tags,
        remove_tags=params.remove_tags,
        confidence=params.confidence,
        metadata=params.metadata,
        epistemic=params.epistemic,
        believe=params.believe,
        add_events=params.add_events,
        amend_events=params.amend_events,
        remove_events=params.remove_events,
        refine=params.refine,
        refine_parents=params.refine_parents,
        count=params.count,
        edits=params.edits,
        if_version=params.if_version,
    )


async def _recall(served: Served, params: RecallParams) -> object:
    return await served.node.recall(
        params.query,
        limit=params.limit,
        tags=params.tags,
        type=params.type,
        scope=params.scope,
        since_ms=params.since_ms,
        epistemic=params.epistemic,
    )


async def _list(served: Served, params: ListParams) -> Paged:
    page = await served.node.list(
        limit=params.limit,
        tags=params.tags,
        type=params.type,
        scope=params.scope,
        since_ms=params.since_ms,
        life=params.life,
        after=params.after,
        epistemic=params.epistemic,
    )
    return Paged.of(page)


async def _history(served: Served, params: HistoryParams) -> Paged:
    page = await served.node.history(
        params.ref, at_ms=params.at_ms, limit=params.limit, after=params.after
    )
    return Paged.of(page)


async def _conflicts(served: Served, params: PageParams) -> Paged:
    return Paged.of(await served.node.conflicts(limit=params.limit, after=params.after))


async def _stop(served: Served, _: NoParams) -> None:
    if served.stop is None:
        raise PreconditionError(
            f"this node lives inside another program (pid {served.pid})",
            hint="end that program instead",
        )
    served.stop()


METHODS: dict[str, Method[Any]] = {
    "hello": Method(NoParams, _hello, abandon=True),
    "identity": Method(NoParams, lambda s, _: s.node.identity(), abandon=True),
    "relabel": Method(LabelParams, lambda s, p: s.node.relabel(p.label), abandon=False),
    "remember": Method(RememberParams, _remember, abandon=False),
    "remember_many": Method(
        RememberManyParams, lambda s, p: s.node.remember_many(p.memories), abandon=False
    ),
    "recall": Method(RecallParams, _recall, abandon=True),
    "get": Method(RefParams, lambda s, p: s.node.get(p.ref, at_ms=p.at_ms), abandon=True),
    "list": Method(ListParams, _list, abandon=True),
    "update": Method(UpdateParams, _update, abandon=False),
    "forget": Method(
        ForgetParams,
        lambda s, p: s.node.forget(p.ref, reason=p.reason, if_version=p.if_version, erase=p.erase),
        abandon=False,
    ),
    "archive": Method(
        LifeParams,
        lambda s, p: s.node.archive(p.ref, reason=p.reason, if_version=p.if_version),
        abandon=False,
    ),
    "restore": Method(
        RestoreParams, lambda s, p: s.node.restore(p.ref, if_version=p.if_version), abandon=False
    ),
    "history": Method(HistoryParams, _history, abandon=True),
    "conflicts": Method(PageParams, _conflicts, abandon=True),
    "sync": Method(SyncParams, lambda s, p: s.node.sync(timeout_s=p.timeout_s), abandon=True),
    "invite": Method(
        InviteParams,
        lambda s, p: s.node.invite(ttl_s=p.ttl_s, role=p.role, uses=p.uses),
        abandon=False,
    ),
    "join": Method(JoinParams, lambda s, p: s.node.join(p.token, bring=p.bring), abandon=False),
    "peers": Method(NoParams, lambda s, _: s.node.peers(), abandon=True),
    "status": Method(NoParams, lambda s, _: s.node.status(), abandon=True),
    "doctor": Method(NoParams, lambda s, _: s.node.doctor(), abandon=True),
    "compact": Method(
        CompactParams,
        lambda s, p: s.node.compact(keep_days=p.keep_days, dry_run=p.dry_run),
        abandon=False,
    ),
    "go_offline": Method(NoParams, lambda s, _: s.node.go_offline(), abandon=False),
    "go_online": Method(NoParams, lambda s, _: s.node.go_online(), abandon=False),
    "stop": Method(NoParams, _stop, abandon=False),
}
