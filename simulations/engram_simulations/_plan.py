"""What a seed draws before anything runs: how many nodes, how connected, and what goes wrong."""

import random
from dataclasses import dataclass, fields, replace

from engram_sync.config import Config, NetworkConfig, SyncConfig

NAMES = "abcde"
NODES_MIN, NODES_MAX = 2, len(NAMES)
PORT = 7463
STEPS = 80
BURST_MIN, BURST_MAX = 40, 200
"""Edits of one memory in one go."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often each thing goes wrong, per step; 0 in runs that are spared it."""

    partition: float = 0.0
    heal: float = 0.1
    cut: float = 0.0
    clog: float = 0.0
    restart: float = 0.0
    reboot: float = 0.0
    crash: float = 0.0
    power_on: float = 0.3
    snapshot: float = 0.0
    """A copy is made of a home, and sometimes of the whole machine around it."""
    resume: float = 0.0
    """Such a copy takes the place of the home that it was made of."""
    clock: float = 0.0
    """Somebody sets the clock of a machine, wrong by seconds up to years, or right again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One run, as its seed draws it."""

    seed: int
    nodes: int
    steps: int
    mesh: bool
    """Whether all nodes know all addresses; otherwise only the first one's, from its token."""
    latency_s: float
    tear: bool
    pause_s: float
    """Mean time between two steps."""
    skews_ms: tuple[int, ...]
    drifts: tuple[float, ...]
    sync: SyncConfig
    rates: Rates
    erases: bool = False
    """Whether users erase some of what they delete."""
    compacts: bool = False
    """Whether users compact their nodes at once, without waiting for values to grow old."""
    writes_together: bool = False
    """Whether users edit texts together."""
    newer: bool = False
    """Whether users have releases that write kinds of records which others do not know."""
    refuses: bool = False
    """Whether one machine has for some time a release that takes valid records for invalid."""
    bursts: int = 0
    """How many edits a user makes in one go."""
    loses_payloads: bool = False
    """Whether a disk loses values between the two times that everything comes to rest."""

    @property
    def names(self) -> str:
        """One letter per node."""
        return NAMES[: self.nodes]

    @property
    def clocks_are_wrong(self) -> bool:
        """Whether a node may find its own clock, or somebody else's, a minute off or more."""
        return self.rates.clock > 0 or max(self.skews_ms) - min(self.skews_ms) > 50_000

    @property
    def converge_s(self) -> float:
        """How long nodes may take to agree once nothing goes wrong any more.

        A node may have begun its longest pause just before, must find a dead connection first,
        and the second pause after a refused call is as long again.
        """
        sync = self.sync
        return 2 * sync.backoff_max_s + sync.dead_after_s + sync.interval_s + 60.0

    def config(self, name: str) -> Config:
        """The configuration of one node."""
        others = [other for other in self.names if other != name] if self.mesh else []
        return Config(
            network=NetworkConfig(
                enabled=True,
                listen=(f"{name}:{PORT}",),
                peers=tuple(f"{other}:{PORT}" for other in others),
                mdns=False,
            ),
            sync=self.sync,
        )

    def describe(self) -> str:
        """One line for people."""
        rates = {f.name: getattr(self.rates, f.name) for f in fields(Rates)}
        wrong = " ".join(f"{name}={rate:.3f}" for name, rate in rates.items() if rate)
        return (
            f"seed {self.seed}: {self.nodes} nodes, {self.steps} steps,"
            f" {'mesh' if self.mesh else 'star'}, latency {self.latency_s:g} s,"
            f" skews {list(self.skews_ms)} ms, backoff <= {self.sync.backoff_max_s:g} s, {wrong}"
            f"{self._also()}"
        )

    def _also(self) -> str:
        also = ("erases", "compacts", "writes_together", "loses_payloads", "newer", "refuses")
        bursts = f" bursts of {self.bursts}" if self.bursts else ""
        return "".join(f" {name}" for name in also if getattr(self, name)) + bursts


def draw_plan(seed: int, *, nodes: int | None = None, steps: int | None = None) -> Plan:
    """The plan of a seed.  Each seed spares its run a random half of the faults.

    Args:
        seed: Draws everything.
        nodes: How many, if not what the seed says.
        steps: How many, if not the default.
    """
    luck = random.Random(f"plan {seed}")
    drawn = luck.choice((2, 2, 3, 3, 4, 5))
    count = drawn if nodes is None else nodes
    rates = Rates(
        partition=_perhaps(luck, 0.08),
        heal=luck.uniform(0.03, 0.2),
        cut=_perhaps(luck, 0.1),
        clog=_perhaps(luck, 0.06),
        restart=_perhaps(luck, 0.06),
        reboot=_perhaps(luck, 0.1),
        crash=_perhaps(luck, 0.08),
        power_on=luck.uniform(0.1, 0.5),
    )
    skew_max_ms = luck.choice((0, 5_000, 29_000, 7_200_000))
    # What was added later has luck of its own, so that the rest of each seed stays as it was.
    more = random.Random(f"plan more {seed}")
    if more.random() < 0.5:
        rates = replace(rates, snapshot=more.uniform(0.02, 0.1), resume=more.uniform(0.02, 0.1))
    clocks = random.Random(f"plan clocks {seed}")
    if clocks.random() < 0.5:
        rates = replace(rates, clock=clocks.uniform(0.05, 0.4))
    others = random.Random(f"plan others {seed}")
    newer = others.random() < 0.3
    bursts = others.randint(BURST_MIN, BURST_MAX) if others.random() < 0.3 else 0
    refusing = random.Random(f"plan refusing {seed}")
    return Plan(
        seed=seed,
        nodes=count,
        steps=STEPS if steps is None else steps,
        mesh=luck.random() < 0.6,
        latency_s=luck.choice((0.0, 0.01, 0.2)),
        tear=luck.random() < 0.2,
        pause_s=luck.choice((0.05, 0.5, 3.0)),
        skews_ms=tuple(luck.randint(-skew_max_ms, skew_max_ms) for _ in range(count)),
        drifts=tuple(luck.uniform(-1e-4, 1e-4) for _ in range(count)),
        sync=luck.choice(
            (
                SyncConfig(backoff_max_s=20.0),
                SyncConfig(interval_s=3.0, ping_s=2.0, dead_after_s=6.0, backoff_max_s=5.0),
                SyncConfig(backoff_max_s=60.0),
            )
        ),
        rates=rates,
        erases=more.random() < 0.6,
        compacts=more.random() < 0.5,
        writes_together=more.random() < 0.6,
        loses_payloads=more.random() < 0.5,
        newer=newer,
        bursts=bursts,
        # What is stopped until an upgrade is passed on to nobody, be it refused or not.
        refuses=not newer and refusing.random() < 0.5,
    )


def _perhaps(luck: random.Random, rate_max: float) -> float:
    return luck.uniform(rate_max / 4, rate_max) if luck.random() < 0.6 else 0.0
