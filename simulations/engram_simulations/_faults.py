"""What goes wrong: partitions, cuts, clogs, restarts, reboots, crashes; and how it is undone."""

import random
from collections.abc import Callable

import trio

from engram_simulations._continuity import LogsContinueOnProof
from engram_simulations._host import Host
from engram_simulations._world import World
from engram_sync.store import Transaction

MOMENT_MAX = 12
"""Rounds of the scheduler until a crash: about as many as a write or an opening takes."""
KEPT_MAX = 2
"""Copies of one home that are kept."""
LOST_MAX = 600
"""Memories of which a failing disk loses the values: more than are asked for at once."""
CLOCK_FAR_S = 40 * 365 * 86_400.0
"""How far a clock is off at most."""
TRANSFER_S = 1.0
"""Records that came this recently are part of a transfer that goes on."""

Act = Callable[[trio.Nursery, trio.Nursery], None]
"""Given what runs nodes, and what has to be over before everything is healed."""


class Faults:
    """Does damage and undoes it.

    Args:
        world: What is damaged.
        luck: Draws what, and when.
        continuity: Told which nodes lose their proof of continuity.
    """

    def __init__(self, world: World, luck: random.Random, continuity: LogsContinueOnProof) -> None:
        self._world = world
        self._trace = world.trace
        self._luck = luck
        self._continuity = continuity
        self._clogs: set[tuple[str, str]] = set()
        rates = world.plan.rates
        self._acts: tuple[tuple[float, Act], ...] = (
            (rates.partition, self._partition),
            (rates.cut, self._cut),
            (rates.clog, self._clog),
            (rates.heal, self._heal),
            (rates.restart, self._restart),
            (rates.reboot, self._reboot),
            (rates.power_on, self._power_on),
            (rates.snapshot, self._snapshot),
            (rates.resume, self._resume),
            (rates.clock, self._turn_clock),
        )

    def strike(self, nursery: trio.Nursery, moments: trio.Nursery) -> None:
        """Whatever goes wrong, or right again, in this step.

        Args:
            nursery: Runs the nodes of machines that get their power.
            moments: Runs what goes wrong a moment later, in the middle of what users do now.
        """
        for rate, act in self._acts:
            if self._luck.random() < rate:
                act(nursery, moments)
        if self._luck.random() < self._world.plan.rates.crash:
            # Opening is the rarest state to be met, and the one with the most to lose.
            hosts = [host for host in self._world.hosts if host.opening] or self._world.hosts
            host, moment = self._luck.choice(hosts), self._luck.randint(0, MOMENT_MAX)
            moments.start_soon(self._crash_after, host, moment)
        if self._clogs:
            self._bear_clogs()

    def undo_all(self, nursery: trio.Nursery) -> None:
        """From now on nothing is wrong: the network is whole and every machine has power."""
        self._world.network.heal()
        self._bear_clogs()
        self._clogs.clear()
        self._trace.event("", "everything is healed")
        for host in self._world.hosts:
            nursery.start_soon(self._power_up, nursery, host)

    async def _power_up(self, nursery: trio.Nursery, host: Host) -> None:
        await host.open_or_off()
        if not host.running:
            self._world.power_on(nursery, host)

    def crash_all(self) -> None:
        """Every machine loses its power at once."""
        for host in self._world.hosts:
            self._lose_power(host)

    # -- the network -------------------------------------------------------------------------

    def _partition(self, *_: trio.Nursery) -> None:
        a, b = self._luck.choice(self._world.pairs)
        self._note_interrupted([(a, b)])
        self._world.network.partition(a, b)
        self._trace.event(a + b, "partition")
        self._trace.sometimes("a partition")

    def _cut(self, *_: trio.Nursery) -> None:
        a, b = self._luck.choice(self._world.pairs)
        self._note_interrupted([(a, b)])
        if self._world.network.cut(a, b):
            self._trace.event(a + b, "cut")
            self._trace.sometimes("a link cut")

    def _clog(self, *_: trio.Nursery) -> None:
        sender, receiver = self._luck.sample(self._world.plan.names, 2)
        self._clogs.add((sender, receiver))
        self._world.network.clog(sender, receiver)
        self._trace.event(sender + receiver, f"clog from {sender} to {receiver}")
        self._trace.sometimes("a clogged link")

    def _heal(self, *_: trio.Nursery) -> None:
        a, b = self._luck.choice(self._world.pairs)
        self._world.network.heal(a, b)
        self._bear_clogs()
        self._clogs -= {(a, b), (b, a)}
        self._trace.event(a + b, "heal")

    def _bear_clogs(self) -> None:
        """News may be as late as a silent peer takes to be given up, and as its last words do."""
        sync = self._world.plan.sync
        late_s = sync.dead_after_s + sync.ping_s + 10.0
        self._world.clogged_until = trio.current_time() + late_s

    def _note_interrupted(self, pairs: list[tuple[str, str]]) -> None:
        """Remember pairs that were in the middle of a transfer."""
        linked = {frozenset(link) for link in self._world.network.links()}
        scope = self._world.scope
        for a, b in pairs:
            ends = [self._world.by_name[name] for name in (a, b)]
            held = [host.records.get(scope, 0) for host in ends]
            behind = min(ends, key=lambda host: host.records.get(scope, 0))
            late = trio.current_time() - behind.received_at
            if frozenset((a, b)) in linked and held[0] != held[1] and late <= TRANSFER_S:
                self._world.interrupted.add((a, b))
                self._trace.sometimes("a link cut in mid-transfer")

    # -- the disks ---------------------------------------------------------------------------

    def _snapshot(self, nursery: trio.Nursery, moments: trio.Nursery) -> None:
        """Copy the home of a machine while its node is closed."""
        moments.start_soon(
            self._while_off, nursery, self._luck.choice(self._world.hosts), self._keep
        )

    def _resume(self, nursery: trio.Nursery, moments: trio.Nursery) -> None:
        """Put a copy in place of the home that it was made of."""
        able = [host for host in self._world.hosts if host.kept]
        if able:
            moments.start_soon(self._while_off, nursery, self._luck.choice(able), self._put_in)

    async def _while_off(
        self, nursery: trio.Nursery, host: Host, act: Callable[[Host], None]
    ) -> None:
        if host.node is not None:
            self._trace.event(host.name, "leave")
            self._continuity.left(host.name)
            host.leave()
        await host.open_or_off()
        if not host.running:
            act(host)
            self._world.power_on(nursery, host)

    def _keep(self, host: Host) -> None:
        host.kept = [*host.kept, (self._world.account.order, host.storage.keep())][-KEPT_MAX:]
        self._trace.event(host.name, "a copy is made")

    def _put_in(self, host: Host) -> None:
        since, disk = self._luck.choice(host.kept)
        whole = self._luck.random() < 0.5
        before = host.storage.put_in(disk, with_witness=whole)
        what = "a resumed snapshot" if whole else "a restored home"
        self._trace.sometimes(what)
        if self._luck.random() < 0.6:
            host.parked.append(before)
            self._trace.event(host.name, f"{what}; what was there is put aside")
        else:
            self._world.account.doubt(host.name, since)
            self._trace.event(host.name, f"{what}; what was there is gone")
        self._replaced(host)
        if self._luck.random() < 0.6:
            # Alone it cannot be told in time that others know more of what it wrote.
            for other in self._world.plan.names:
                if other != host.name:
                    self._world.network.partition(host.name, other)
            self._trace.event(host.name, "partition from everybody")

    def bring_back(self, nursery: trio.Nursery) -> bool:
        """Turn on one machine with a home that was put aside; whether there was any.

        Its machine has been turned off, and nothing else is wrong.
        """
        host = next((host for host in self._world.hosts if host.parked), None)
        if host is None:
            return False
        whole = self._luck.random() < 0.5
        host.storage.put_in(host.parked.pop(), with_witness=whole)
        self._trace.event(host.name, "what was put aside comes back")
        self._trace.sometimes("a home that came back")
        self._replaced(host)
        self._world.power_on(nursery, host)
        return True

    def _replaced(self, host: Host) -> None:
        host.forget()
        self._world.hurried.discard(host.name)
        self._world.tampered.add(host.name)
        self._continuity.cannot_tell(host.name)

    async def lose_payloads(self) -> None:
        """A disk loses values: nothing of them is left but what the records say of them."""
        host = self._luck.choice(self._world.hosts)
        lost = await host.storage.alter(self._lose)
        if lost:
            self._world.damaged.add(host.name)
            self._trace.event(host.name, f"{lost} values are lost")
            self._trace.sometimes("a lost payload that came back")

    def _lose(self, tx: Transaction) -> int:
        scope = next(row for row in tx.scopes() if row.id.hex() == self._world.scope)
        # Of these the one record says everything, so it is what the engram shows.
        single = [row for row in tx.engrams(scope.n, limit=LOST_MAX) if row.records == 1]
        for row in single:
            tx.drop_payloads([(row.log, row.seq)])
            tx.put_owed(row.n, [(row.log, row.seq)])
        return len(single)

    # -- the clocks --------------------------------------------------------------------------

    def _turn_clock(self, *_: trio.Nursery) -> None:
        host = self._luck.choice(self._world.hosts)
        if self._luck.random() < 0.25:
            host.clock.skew_ms = 0
            self._trace.event(host.name, "its clock is set right")
            self._trace.sometimes("a clock set right")
            return
        far_ms = round(1_000 * CLOCK_FAR_S ** self._luck.random())
        host.clock.skew_ms = far_ms if self._luck.random() < 0.5 else -far_ms
        self._trace.event(host.name, f"its clock is off by {host.clock.skew_ms} ms")
        self._trace.sometimes("a clock set wrong")

    # -- the machines ------------------------------------------------------------------------

    def _restart(self, *_: trio.Nursery) -> None:
        host = self._luck.choice(self._world.hosts)
        if host.node is not None:
            self._trace.event(host.name, "leave")
            self._trace.sometimes("a clean restart")
            self._continuity.left(host.name)
            host.leave()

    def _reboot(self, nursery: trio.Nursery, _: trio.Nursery) -> None:
        off = [host for host in self._world.hosts if not host.running]
        if off:
            host = self._luck.choice(off)
            self._trace.event(host.name, "reboot")
            self._trace.sometimes("a reboot")
            host.storage.reboot()
            self._continuity.lost_proof(host.name)
            self._world.power_on(nursery, host)

    async def _crash_after(self, host: Host, moment: int) -> None:
        for _ in range(moment):
            await trio.lowlevel.checkpoint()
        if host.running:
            self._lose_power(host)

    def _power_on(self, nursery: trio.Nursery, _: trio.Nursery) -> None:
        host = self._luck.choice(self._world.hosts)
        if not host.running:
            self._world.power_on(nursery, host)

    def _lose_power(self, host: Host) -> None:
        self._trace.event(host.name, "crash")
        self._trace.sometimes("a crash")
        if host.opening:
            self._trace.sometimes("a crash while opening")
        self._note_interrupted([pair for pair in self._world.pairs if host.name in pair])
        if not host.storage.witnesses:
            # Else the node had not begun to use its store, or was done with it.
            self._continuity.lost_proof(host.name)
        host.crash()
