"""Every public call of a node, once: its arguments, their defaults, its result and its promise.

``NodeApi`` turns each call into a typed method.  A ``Node`` performs calls, a ``ControlClient``
carries them to the node that runs; the control server, and whoever else serves a node, decodes
them.  A new keyword is a field here, and what it does.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Concatenate,
    Generic,
    ParamSpec,
    TypeVar,
    cast,
    get_args,
    get_origin,
)

import msgspec
from msgspec.structs import force_setattr

from engram_sync.api.arguments import Filters, MemoryUpdate, NewMemory

from ._memories import Conflict, Engram, HistoryEntry, Hit
from ._network import Identity, JoinResult, PeerStatus, Status, SyncResult
from ._pages import CONFLICTS, HISTORY_ENTRIES, Page
from ._upkeep import Compaction, Doctor

R = TypeVar("R")
P = ParamSpec("P")


KEEP_DAYS = 30.0
"""How long a compaction leaves alone what changed, unless told otherwise: a month to restore it."""

if TYPE_CHECKING:
    Ref = Engram | str
    """An ``Engram``, a full id, or a unique prefix of at least 8 hex characters."""
else:
    Ref = str  # What travels and is performed: a call turns an Engram into that.


class Call(msgspec.Struct, Generic[R], frozen=True, forbid_unknown_fields=True):
    """One call of a node; ``R`` is its result.  Arguments that are not known are refused."""

    writes: ClassVar[bool] = False
    """Whether it is carried to its end when its caller goes away, so that its outcome is never
    half of it."""

    @classmethod
    def name(cls) -> str:
        """What it is called: ``remember_many`` for ``RememberManyCall``."""
        words = "".join(f"_{c.lower()}" if c.isupper() else c for c in cls.__name__)
        return words.removeprefix("_").removesuffix("_call")

    @classmethod
    def result(cls) -> type[R]:
        """The type of its result."""
        bases = (base for parent in cls.__mro__ for base in vars(parent).get("__orig_bases__", ()))
        named = (get_args(base) for base in bases if get_origin(base) is not None)
        return cast(type[R], next(of for (of,) in named if not isinstance(of, TypeVar)))


# -- parts of calls ------------------------------------------------------------------------------


class _RefCall(Call[R], frozen=True):
    ref: Ref

    def __post_init__(self) -> None:
        force_setattr(self, "ref", id_of(self.ref))


class _ChangeOptions(Call[Engram], frozen=True, kw_only=True):
    if_version: str | None = None
    """Change only what this version showed; an ``Engram`` stands for the version that it shows."""


class _ChangeCall(_ChangeOptions, frozen=True):
    writes = True

    ref: Ref

    def __post_init__(self) -> None:
        _name_version(self)


def id_of(ref: Ref) -> str:
    """The id, or its prefix."""
    return ref.id if isinstance(ref, Engram) else ref


def _name_version(call: "_ChangeCall | UpdateCall") -> None:
    """Say in words of JSON what an ``Engram`` stands for."""
    if isinstance(call.ref, Engram):
        force_setattr(call, "if_version", call.if_version or call.ref.version)
        force_setattr(call, "ref", call.ref.id)


# -- memories ------------------------------------------------------------------------------------


class RememberCall(NewMemory, Call[Engram], frozen=True, kw_only=True):
    """Write a memory; it is durable when this returns.

    Raises:
        UsageError: A value is malformed or too large.
        PreconditionError: ``key`` was used for other content.
    """

    writes = True


class RememberManyCall(Call[list[str]], frozen=True):
    """Write many memories in few commits; returns their ids in order."""

    writes = True

    memories: Sequence[NewMemory]


class _RecallOptions(Filters, frozen=True, kw_only=True):
    limit: int = 10


class RecallCall(_RecallOptions, Call[list[Hit]], frozen=True):
    """The memories that best answer ``query``, best first."""

    query: str


class GetCall(_RefCall[Engram], frozen=True, kw_only=True):
    """One memory as it is now, deleted or not.

    Raises:
        NotFoundError: There is none, or nothing of it had arrived by then.
    """

    at_ms: int | None = None
    """Show it as this node would have shown it then: from what had arrived here."""


class ListCall(Filters, Call[Page[Engram]], frozen=True, kw_only=True):
    """The newest memories first; ``life=None`` means all of them, deleted ones too.

    A page may hold fewer than ``limit`` where they are large: while its ``next`` is not None,
    pass that as ``after`` and go on.
    """

    limit: int = 50
    after: str | None = None


class _UpdateOptions(MemoryUpdate, frozen=True, kw_only=True):
    if_version: str | None = None
    """Supersede what this version showed."""


class UpdateCall(_UpdateOptions, Call[Engram], frozen=True):
    """Change a memory: supersede what the caller saw, and nothing newer.

    An ``Engram`` stands for the version it shows; an id means what is shown now.  What is None or
    empty stays as it is.

    Raises:
        NotFoundError: There is no such memory, event or refinement.
        UsageError: Nothing to change was given, or a value is malformed or too large.
        PreconditionError: A bare id was given while concurrent edits are open, or it is deleted.
    """

    writes = True

    ref: Ref

    def __post_init__(self) -> None:
        MemoryUpdate.__post_init__(self)
        _name_version(self)


class ForgetCall(_ChangeCall, frozen=True, kw_only=True):
    """Delete a memory; an edit concurrent with the delete survives and is reported.

    Raises:
        DeniedError: Others wrote parts of it, and only they or a leader may erase those.
    """

    reason: str = ""
    """Kept in its history."""
    erase: bool = False
    """Also drop its values for good, here and on every node that learns of it.  Who has confirmed
    that stands in ``status``; backups and copies are not reached."""


class ArchiveCall(_ChangeCall, frozen=True, kw_only=True):
    """Take a memory out of recall and keep it."""

    reason: str = ""
    """Kept in its history."""


class RestoreCall(_ChangeCall, frozen=True, kw_only=True):
    """Bring back an archived or deleted memory."""


class HistoryCall(_RefCall[Page[HistoryEntry]], frozen=True, kw_only=True):
    """The records of a memory, oldest first, a page at a time."""

    at_ms: int | None = None
    """Only what had arrived here by then."""
    limit: int = HISTORY_ENTRIES
    """Entries at most; a page may hold fewer where they are large."""
    after: str | None = None
    """``next`` of the page before."""


class ConflictsCall(Call[Page[Conflict]], frozen=True, kw_only=True):
    """Concurrent edits that nobody has resolved, a page at a time."""

    limit: int = CONFLICTS
    """Conflicts at most; a page may hold fewer where they are large."""
    after: str | None = None
    """``next`` of the page before."""


# -- the node ------------------------------------------------------------------------------------


class IdentityCall(Call[Identity], frozen=True):
    """Who this node is."""


class RelabelCall(Call[Identity], frozen=True):
    """Change this node's display name; other nodes show it with their next sync.

    Raises:
        UsageError: It is empty, too long or holds control characters.
    """

    writes = True

    label: str


class SyncCall(Call[SyncResult], frozen=True, kw_only=True):
    """Pull, push, and wait until clocks and digests agree with every reachable peer.

    Raises:
        DegradedError: The node was told to stay offline.
    """

    timeout_s: float = 30.0


class InviteCall(Call[str], frozen=True, kw_only=True):
    """A token that admits another node to this agent; whoever holds it can join.

    Raises:
        DegradedError: The node does not listen, so nobody could redeem it.
        DeniedError: This node does not lead its agent.
    """

    writes = True

    ttl_s: float = 900.0
    role: str = "member"
    uses: int = 1


class _TokenCall(Call[JoinResult], frozen=True):
    token: str
    """What ``invite`` printed."""


class JoinCall(_TokenCall, frozen=True, kw_only=True):
    """Become a member of the agent that issued ``token``.

    Raises:
        UsageError: It is no token.
        DeniedError: It has expired, or the issuer refused.
        DegradedError: The issuer cannot be reached.
    """

    writes = True

    bring: bool = False
    """Re-create the memories of the agent this node belonged to so far."""


class PeersCall(Call[list[PeerStatus]], frozen=True):
    """Every other member of this agent, and of the other scopes in use."""


class StatusCall(Call[Status], frozen=True):
    """The truth about this node, now."""


class DoctorCall(Call[Doctor], frozen=True):
    """Check everything that is stored, down to each signature; changes nothing."""


class CompactCall(Call[Compaction], frozen=True, kw_only=True):
    """Drop values that nothing shows any more, and rewrite the store without its free room.

    What every memory shows stays as it is, and every signature still verifies.

    Raises:
        UsageError: ``keep_days`` is negative.
        DegradedError: There is no room to rewrite the store.
    """

    writes = True

    keep_days: float = KEEP_DAYS
    """Leave memories alone that changed within so many days."""
    dry_run: bool = False
    """Change nothing and say what would be dropped."""


class GoOfflineCall(Call[None], frozen=True):
    """Drop and refuse the network; the node stays writable."""

    writes = True


class GoOnlineCall(Call[None], frozen=True):
    """Listen and dial again, as configured."""

    writes = True


CALLS: dict[str, type[Call[Any]]] = {
    call.name(): call
    for call in (
        RememberCall,
        RememberManyCall,
        RecallCall,
        GetCall,
        ListCall,
        UpdateCall,
        ForgetCall,
        ArchiveCall,
        RestoreCall,
        HistoryCall,
        ConflictsCall,
        IdentityCall,
        RelabelCall,
        SyncCall,
        InviteCall,
        JoinCall,
        PeersCall,
        StatusCall,
        DoctorCall,
        CompactCall,
        GoOfflineCall,
        GoOnlineCall,
    )
}
"""Every call by its name."""


def _method(
    call: Callable[P, Call[R]],
) -> Callable[Concatenate["NodeApi", P], Coroutine[Any, Any, R]]:
    """The method that makes such a call and has it performed."""

    def make(api: "NodeApi", /, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        return api.perform(call(*args, **kwargs))

    make.__doc__ = call.__doc__
    make.__name__ = make.__qualname__ = cast(type[Call[R]], call).name()
    return make


class NodeApi(ABC):
    """What may be asked of a node, whoever holds it.

    Every method raises ``EngramError`` and nothing else on purpose.
    """

    @property
    @abstractmethod
    def home(self) -> Path:
        """The directory that holds the node's store and key."""

    @property
    @abstractmethod
    def unstored(self) -> str:
        """Why nothing can be stored just now, in words; empty when it can."""

    @abstractmethod
    async def perform(self, call: Call[R]) -> R:
        """Do what a call asks, and answer it."""

    remember = _method(RememberCall)
    remember_many = _method(RememberManyCall)
    recall = _method(RecallCall)
    get = _method(GetCall)
    list = _method(ListCall)
    update = _method(UpdateCall)
    forget = _method(ForgetCall)
    archive = _method(ArchiveCall)
    restore = _method(RestoreCall)
    history = _method(HistoryCall)
    conflicts = _method(ConflictsCall)
    identity = _method(IdentityCall)
    relabel = _method(RelabelCall)
    sync = _method(SyncCall)
    invite = _method(InviteCall)
    join = _method(JoinCall)
    peers = _method(PeersCall)
    status = _method(StatusCall)
    doctor = _method(DoctorCall)
    compact = _method(CompactCall)
    go_offline = _method(GoOfflineCall)
    go_online = _method(GoOnlineCall)
