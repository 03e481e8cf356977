"""Defects to plant in nodes.  A checker is worth what it finds here."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pytest

from engram_crdt import Change, Dot, Element
from engram_sync.api import Conflict, Fork, Page
from engram_sync.api.arguments import NewMemory
from engram_sync.api.calls import ConflictsCall
from engram_sync.ledger import Batch, History, IngestBatch, LogState, Witness, _check
from engram_sync.ledger._registry import Registry
from engram_sync.ledger._resolve import HeldPosition, place_of_untrusted
from engram_sync.membership._cuts import Cuts, Vector
from engram_sync.memory.materialise import live as _live
from engram_sync.memory.materialise.live import LiveEngram
from engram_sync.memory.materialise.live_texts import LiveTexts
from engram_sync.memory.state.changes import change_of
from engram_sync.model import counters as _counters
from engram_sync.model.counters import Count
from engram_sync.node import reporting as _reporting
from engram_sync.node.background.materialising import Materialising
from engram_sync.node.core import Core
from engram_sync.node.home.newer import Newer
from engram_sync.node.memories import Memories
from engram_sync.node.network import refused_by as _refused_by
from engram_sync.node.network.controller import NetworkController
from engram_sync.node.opening import founding as _founding
from engram_sync.node.writing import write_path as _write_path
from engram_sync.node.writing.storing import Storing
from engram_sync.store import Transaction
from engram_sync.sync import Accord, Effect, Exchange, PeerTable, ScopeView, _joining
from engram_sync.sync._asking import Asking
from engram_sync.sync._serving import Serving
from engram_wire import Credential, LimitError, SyncRequest

T = TypeVar("T")
Plant = Callable[[pytest.MonkeyPatch], None]


def altered(patch: pytest.MonkeyPatch, alter: Callable[[Change], Change]) -> None:
    """Let every record of an engram with several change something else."""

    def made(*args: Any) -> Change:
        return alter(change_of(*args))

    patch.setattr(_live, "change_of", made)


def ignores_superseded(patch: pytest.MonkeyPatch) -> None:
    """Replaced values stay."""
    altered(patch, lambda change: change._replace(removed=()))


def ignores_deletes(patch: pytest.MonkeyPatch) -> None:
    """A delete says so and leaves everything."""
    altered(patch, lambda change: change._replace(until=()))


def keeps_what_came_last(patch: pytest.MonkeyPatch) -> None:
    """A register is overwritten by whatever arrives, seen or not."""
    remove = LiveEngram._remove

    def overwrite(self: LiveEngram, change: Change) -> None:
        names = {name for name, _ in change.puts if name.startswith("r/")}
        loses = [
            Dot(self.logs.log_id(self.tx, row.log), row.clock)
            for row in self.tx.elements(self.row.n)
            if row.collection in names
        ]
        remove(self, change._replace(removed=(*change.removed, *loses)))

    patch.setattr(LiveEngram, "_remove", overwrite)


def acknowledges_what_is_not_stored(patch: pytest.MonkeyPatch) -> None:
    """Now and then a write is answered and then rolled back."""
    write = Core.write
    calls = 0

    class Forgotten(Exception):
        pass

    async def careless(self: Core, job: Callable[[Transaction], T], *, weight: int = 1) -> T:
        nonlocal calls
        shown = getattr(job, "__qualname__", "").startswith(Materialising.write_shown.__qualname__)
        calls += shown
        if not shown or calls % 9:
            return await write(self, job, weight=weight)
        results: list[T] = []

        def forgotten(tx: Transaction) -> T:
            results.append(job(tx))
            raise Forgotten

        with pytest.raises(Forgotten):
            await write(self, forgotten, weight=weight)
        return results[0]

    patch.setattr(Core, "write", careless)


def drops_received_frames(patch: pytest.MonkeyPatch) -> None:
    """The ledger counts frames that never get into the documents: every twelfth."""
    show = Storing.show
    shown = 0

    def forgetful(
        self: Storing, tx: Transaction, batch: Batch, arrivals: Sequence[int], **limit: Any
    ) -> tuple[bytes, ...]:
        nonlocal shown
        shown += isinstance(batch, IngestBatch)
        if not isinstance(batch, IngestBatch) or shown % 12:
            return show(self, tx, batch, arrivals, **limit)
        row = tx.scope(self._ledger.scope_number(batch.log.scope))
        assert row is not None
        tx.update_scope(row._replace(materialised=arrivals[-1]))
        return ()

    patch.setattr(Storing, "show", forgetful)


def says_synced_of_whoever_is_connected(patch: pytest.MonkeyPatch) -> None:
    honest = _reporting._peer_state

    def lie(sharing: NetworkController, key: bytes) -> str:
        return "synced" if key in sharing.network.connections else honest(sharing, key)

    patch.setattr(_reporting, "_peer_state", lie)


def shares_what_is_private(patch: pytest.MonkeyPatch) -> None:
    def shared(self: Memories, memory: NewMemory) -> bytes:
        return self._core.facts.agent_scope

    patch.setattr(Memories, "_scope_of", shared)


def continues_without_proof(patch: pytest.MonkeyPatch) -> None:
    def trusting(witness: Witness | None, log: LogState, boot_id: str) -> bool:
        return True

    patch.setattr(_write_path, "continues", trusting)


def hides_conflicts(patch: pytest.MonkeyPatch) -> None:
    async def none(self: Memories, call: ConflictsCall) -> Page[Conflict]:
        return Page(())

    patch.setattr(Memories, "conflicts", none)


def counts_a_refused_scope_as_synced(patch: pytest.MonkeyPatch) -> None:
    """A scope that a peer does not serve is none that it must agree on."""
    honest = Exchange.accord

    def careless(self: Exchange) -> Accord:
        accord = honest(self)
        return Accord.SYNCED if accord is Accord.REFUSED else accord

    patch.setattr(Exchange, "accord", careless)


def says_synced_of_what_it_lacks(patch: pytest.MonkeyPatch) -> None:
    """Values that are owed keep nobody from being synced."""

    def told(self: Asking, view: ScopeView) -> bool:
        return True

    patch.setattr(Asking, "told_all", told)


def goes_on_with_what_it_does_not_know(patch: pytest.MonkeyPatch) -> None:
    """A record that only a newer release understands is taken for an optional one."""

    def nothing(self: Newer, scope: bytes) -> None:
        return None

    patch.setattr(Newer, "of", nothing)


def goes_on_after_a_refused_record(patch: pytest.MonkeyPatch) -> None:
    """Whoever is told that a peer refuses a record of its own does nothing about it."""

    def nothing(*_: object, **__: object) -> bool:
        return False

    patch.setattr(_refused_by, "set_aside", nothing)


def keeps_what_is_erased(patch: pytest.MonkeyPatch) -> None:
    """An erasure is stored and hides its memory, and the values stay where they are."""

    def keep(self: Storing, *_: object, **__: object) -> tuple[bytes, ...]:
        return ()

    patch.setattr(Storing, "erase", keep)


def never_asks_for_what_it_lacks(patch: pytest.MonkeyPatch) -> None:
    def content(self: Asking, view: ScopeView) -> list[Effect]:
        return []

    patch.setattr(Asking, "fetch", content)


def tells_of_forks_on_one_node_only(patch: pytest.MonkeyPatch) -> None:
    honest = _reporting._forks

    def shy(core: Core) -> list[Fork]:
        return [fork for fork in honest(core) if core.key.public[0] % 2]

    patch.setattr(_reporting, "_forks", shy)


def loses_what_others_insert(patch: pytest.MonkeyPatch) -> None:
    """Of an edit of a shared text only the deletes are applied, unless the text is new."""
    apply = LiveTexts.apply

    def deaf(self: LiveTexts, change: Change, start: int, log: int) -> None:
        edit = change.edit
        if edit is not None and edit.deletes:
            change = change._replace(edit=edit._replace(inserts=()))
        apply(self, change, start, log)

    patch.setattr(LiveTexts, "apply", deaf)


def never_calls_again(patch: pytest.MonkeyPatch) -> None:
    def for_ever(self: PeerTable, failures: int) -> float:
        return 1e9

    patch.setattr(PeerTable, "_backoff", for_ever)


def falls_over_when_a_peer_is_silent(patch: pytest.MonkeyPatch) -> None:
    def fall(self: Exchange, now: float) -> list[Effect]:
        raise ZeroDivisionError

    patch.setattr(Exchange, "on_tick", fall)


# -- what worlds are too small, too slow or too honest to meet: see ``planted.IN_TESTS`` ----------


def walks_all_it_holds_for_a_name_it_does_not_know(patch: pytest.MonkeyPatch) -> None:
    honest = place_of_untrusted

    def walk(
        registry: Registry, history: History, of: LogState, seq: int, head: bytes
    ) -> HeldPosition:
        for log in registry.scope(of.scope).logs.values():
            for _ in range(log.seq):
                history.clocks(bytes(16), log.n)
        return honest(registry, history, of, seq, head)

    patch.setattr(_check, "place_of_untrusted", walk)


def shows_all_credentials_in_one_message(patch: pytest.MonkeyPatch) -> None:
    def at_once(
        scope: bytes, credentials: Sequence[Credential]
    ) -> tuple[list[Effect], tuple[Credential, ...]]:
        return [], tuple(credentials)

    patch.setattr(_joining, "paged", at_once)


def takes_what_others_say_a_log_has_counted(patch: pytest.MonkeyPatch) -> None:
    honest = _counters.count_of

    def gullible(element: Element) -> Count | None:
        count = honest(element)
        return None if count is None else count._replace(own=True)

    patch.setattr(_counters, "count_of", gullible)


def takes_any_label(patch: pytest.MonkeyPatch) -> None:
    def take(label: str) -> str:
        return label

    patch.setattr(_founding, "checked_label", take)


def serves_sixty_four_scopes(patch: pytest.MonkeyPatch) -> None:
    honest = Serving.check_untrusted

    def check(self: Serving, message: SyncRequest) -> None:
        if len(self.scopes()) >= 64:
            raise LimitError("more than 64 requests")
        honest(self, message)

    patch.setattr(Serving, "check_untrusted", check)


def cuts_off_what_no_statement_names(patch: pytest.MonkeyPatch) -> None:
    """Whoever is revoked loses every log that the revocation does not name."""

    def always(self: Cuts, key: bytes, known: Vector) -> bool:
        return self.concern(key)

    patch.setattr(Cuts, "since", always)
