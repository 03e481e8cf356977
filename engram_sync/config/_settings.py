"""Every setting there is, its type, its default and what is allowed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final, cast

from engram_sync.config._strategies import STRATEGY_FIELDS, StrategiesConfig, strategy_problem
from engram_sync.errors import UsageError

DEFAULT_PORT: Final = 7463
ENV_PREFIX: Final = "ENGRAM_SYNC_"
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
SHARING_MODES: Final = ("none",)
COMPRESSIONS: Final = ("none", "zstd")
TLS_SETTINGS: Final = ("network.tls_ca", "network.tls_cert", "network.tls_key")
"""Either all of them are set or none."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Whether this node talks to others, and how it finds them."""

    enabled: bool = False
    """False: no socket is opened at all."""
    listen: tuple[str, ...] = (f"0.0.0.0:{DEFAULT_PORT}",)
    """``HOST:PORT`` to accept peers on; port 0 takes any free one."""
    peers: tuple[str, ...] = ()
    """``HOST:PORT`` of peers to dial, besides those that are discovered."""
    mdns: bool = True
    """Announce and look on the local network, on the interfaces listened on."""
    tls_ca: str = ""
    """Path of the certificates that sign those of peers; empty: nobody's certificate is checked."""
    tls_cert: str = ""
    """Path of this node's certificate."""
    tls_key: str = ""
    """Path of its private key."""
    compression: str = "none"
    """What is offered to peers: ``zstd``, or nothing."""


@dataclass(frozen=True, slots=True)
class SharingConfig:
    """What local programs other than the owner's may read."""

    mode: str = "none"


@dataclass(frozen=True, slots=True)
class SyncConfig:
    """How often the node looks after its peers; all in seconds."""

    interval_s: float = 30.0
    """Between two comparisons with a connected peer, should no push have arrived."""
    ping_s: float = 15.0
    """Between two pings of a silent peer."""
    dead_after_s: float = 45.0
    """Silence after which a connection is given up; longer than ``ping_s``."""
    backoff_min_s: float = 0.5
    """The first wait after a failed attempt."""
    backoff_max_s: float = 300.0
    """The longest wait; at least ``backoff_min_s``."""


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What is written to standard error."""

    level: str = "info"
    json: bool = False
    """One JSON object per line instead of text."""


@dataclass(frozen=True, slots=True)
class ProjectsConfig:
    """What the files of projects may set."""

    trusted: tuple[str, ...] = ()
    """Folders whose project files, and those of folders inside, may set everything else."""


@dataclass(frozen=True, slots=True)
class Config:
    """Every setting of a node, checked."""

    network: NetworkConfig = NetworkConfig()
    sharing: SharingConfig = SharingConfig()
    sync: SyncConfig = SyncConfig()
    log: LogConfig = LogConfig()
    strategies: StrategiesConfig = field(default_factory=StrategiesConfig)
    projects: ProjectsConfig = ProjectsConfig()
    origins: Mapping[str, str] = field(
        default_factory=dict[str, str], compare=False, repr=False, hash=False
    )
    """Where each setting came from, by its dotted name; a name that is absent has its default."""

    def value(self, name: str) -> object:
        """The value of a setting by its dotted name.

        Args:
            name: One of ``SETTINGS``.
        """
        table, _, key = name.partition(".")
        return getattr(getattr(self, table), key)


class Kind(Enum):
    """The type of a setting, and how an error describes it."""

    BOOL = "true or false"
    TEXT = "text"
    TEXTS = "a list of texts"
    SECONDS = "a number of seconds above 0"
    PATH = "the path of a file"


@dataclass(frozen=True, slots=True)
class Setting:
    """What a setting may be."""

    name: str
    """Dotted, as in a file: ``log.level`` is ``level`` in the table ``[log]``."""
    kind: Kind
    about: str
    """One line for people."""
    check: Callable[[object], str] = lambda _value: ""
    """What is wrong with a value of the right type; empty when nothing is."""

    @property
    def env(self) -> str:
        """The environment variable that sets it."""
        return ENV_PREFIX + self.name.replace(".", "_").upper()


def _one_of(allowed: tuple[str, ...]) -> Callable[[object], str]:
    def check(value: object) -> str:
        return "" if value in allowed else f"allowed: {', '.join(allowed)}"

    return check


def _sharing_mode(value: object) -> str:
    if value in {"read", "full"}:
        return "this version shares with no other program: only none is allowed"
    return _one_of(SHARING_MODES)(value)


def _addresses(*, port_min: int) -> Callable[[object], str]:
    def check(value: object) -> str:
        from engram_sync.address import Address

        for text in cast("tuple[str, ...]", value):
            try:
                address = Address.parse(text)
            except UsageError as error:
                return f"{error.message}; {error.hint}"
            if address.port < port_min:
                return f"a peer listens on a port from 1 to 65535, not on that of {text!r}"
        return ""

    return check


def _folders(value: object) -> str:
    for text in cast("tuple[str, ...]", value):
        if not Path(text).expanduser().is_absolute():
            # Seen from wherever a command runs, it would be every project there is.
            return f"{text!r} is no absolute path"
    return ""


SETTINGS: Final[Mapping[str, Setting]] = {
    setting.name: setting
    for setting in (
        Setting("network.enabled", Kind.BOOL, "talk to other nodes"),
        Setting(
            "network.listen", Kind.TEXTS, "addresses to accept peers on", _addresses(port_min=0)
        ),
        Setting("network.peers", Kind.TEXTS, "addresses of peers to dial", _addresses(port_min=1)),
        Setting("network.mdns", Kind.BOOL, "find peers on the local network"),
        Setting("network.tls_ca", Kind.PATH, "certificates that sign those of peers, in PEM"),
        Setting("network.tls_cert", Kind.PATH, "this node's certificate, in PEM"),
        Setting("network.tls_key", Kind.PATH, "its private key, in PEM"),
        Setting(
            "network.compression", Kind.TEXT, "compression offered to peers", _one_of(COMPRESSIONS)
        ),
        Setting("sharing.mode", Kind.TEXT, "what other programs may read", _sharing_mode),
        Setting("sync.interval_s", Kind.SECONDS, "between two comparisons with a peer"),
        Setting("sync.ping_s", Kind.SECONDS, "between two pings of a silent peer"),
        Setting("sync.dead_after_s", Kind.SECONDS, "silence that ends a connection"),
        Setting("sync.backoff_min_s", Kind.SECONDS, "first wait after a failed attempt"),
        Setting("sync.backoff_max_s", Kind.SECONDS, "longest wait after failed attempts"),
        Setting("log.level", Kind.TEXT, "least severe message to write", _one_of(LOG_LEVELS)),
        Setting("log.json", Kind.BOOL, "write messages as JSON lines"),
        Setting(
            "projects.trusted", Kind.TEXTS, "folders whose project files may set all", _folders
        ),
        *(
            Setting(
                f"strategies.{name}",
                Kind.TEXT,
                f"how several values of {name} at once are read",
                strategy_problem,
            )
            for name in STRATEGY_FIELDS
        ),
    )
}
"""Every setting there is, by its dotted name."""
