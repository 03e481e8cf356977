"""The settings of a node, and where each of them came from.

Precedence, highest first: a flag, an environment variable (``ENGRAM_SYNC_LOG_LEVEL`` for
``log.level``), the project file (the nearest ``engram-sync.toml`` in the working directory or above
it), the user file (``config.toml`` in the home), the default.  A project file sets how things look
and are read; everything else only where the user trusts its folder.  Whatever is wrong is an error
that names the place and what is allowed there; nothing falls back silently.

Everything is a function of its arguments and the files it is pointed to.  This package never reads
the environment of the process, never writes anything and never starts anything.
"""

from ._home import APP_NAME as APP_NAME
from ._home import ENV_HOME as ENV_HOME
from ._home import ENV_RUNTIME as ENV_RUNTIME
from ._home import require_private as require_private
from ._home import resolve_home as resolve_home
from ._home import resolve_runtime as resolve_runtime
from ._settings import DEFAULT_PORT as DEFAULT_PORT
from ._settings import LOG_LEVELS as LOG_LEVELS
from ._settings import SETTINGS as SETTINGS
from ._settings import SHARING_MODES as SHARING_MODES
from ._settings import Config as Config
from ._settings import Kind as Kind
from ._settings import LogConfig as LogConfig
from ._settings import NetworkConfig as NetworkConfig
from ._settings import Setting as Setting
from ._settings import SharingConfig as SharingConfig
from ._settings import SyncConfig as SyncConfig
from ._sources import PROJECT_FILE as PROJECT_FILE
from ._sources import USER_FILE as USER_FILE
from ._sources import load_config as load_config
from ._strategies import STRATEGY_FIELDS as STRATEGY_FIELDS
from ._strategies import StrategiesConfig as StrategiesConfig

__all__ = [
    "APP_NAME",
    "DEFAULT_PORT",
    "ENV_HOME",
    "ENV_RUNTIME",
    "LOG_LEVELS",
    "PROJECT_FILE",
    "SETTINGS",
    "SHARING_MODES",
    "STRATEGY_FIELDS",
    "USER_FILE",
    "Config",
    "Kind",
    "LogConfig",
    "NetworkConfig",
    "Setting",
    "SharingConfig",
    "StrategiesConfig",
    "SyncConfig",
    "load_config",
    "require_private",
    "resolve_home",
    "resolve_runtime",
]
