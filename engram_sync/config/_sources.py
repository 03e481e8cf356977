"""Reads flags, environment and files into one checked Config."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from engram_sync.config._home import ENV_HOME, ENV_RUNTIME
from engram_sync.config._settings import (
    ENV_PREFIX,
    SETTINGS,
    TLS_SETTINGS,
    Config,
    Kind,
    LogConfig,
    NetworkConfig,
    ProjectsConfig,
    SharingConfig,
    SyncConfig,
)
from engram_sync.config._strategies import (
    CATEGORIES_TABLE,
    ENGRAM_FIELDS,
    TYPES,
    StrategiesConfig,
    strategy_problem,
)
from engram_sync.errors import UsageError

PROJECT_FILE: Final = "engram-sync.toml"
USER_FILE: Final = "config.toml"

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_PLACES: Final = (ENV_HOME, ENV_RUNTIME)
"""Variables that name directories, and that no file may set."""
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_TRUSTED: Final = "projects.trusted"
_HARMLESS: Final = ("log.", "strategies.")
"""What a project file may set unasked: it may have come with a repository that somebody cloned, and
must not open ports, name peers or turn certificates off.  Trust it cannot give itself at all."""
_TABLES: Final = {name.partition(".")[0] for name in SETTINGS}


def load_config(
    home: Path,
    flags: Mapping[str, object] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Config:
    """Read and check every source of settings.

    Args:
        home: The node's directory; its ``config.toml`` is the user file.
        flags: Settings by dotted name; None values are flags that were not given.  Text is parsed
            as in the environment where the setting is not text.
        env: The environment; empty variables count as unset.
        cwd: Where to start looking for the project file; None looks nowhere.

    Returns:
        The settings, and in ``origins`` where each came from: ``flag``, the name of a variable,
        ``FILE:LINE``.

    Raises:
        UsageError: A source has an unknown setting, a wrong type, a value that is not allowed or
            TOML that does not parse; the message names the place and what is allowed.
    """
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    own = list(_from_file(home / USER_FILE))
    now = [*_from_env(env or {}), *_from_flags(flags or {})]
    trusted = [value for name, value, _ in [*own, *now] if name == _TRUSTED][-1:]
    folders = cast("tuple[str, ...]", trusted[0]) if trusted else ()
    for source in (own, _from_project(_project_file(cwd), folders, home), now):
        for name, value, origin in source:
            values[name] = value
            origins[name] = origin
    config = Config(
        network=NetworkConfig(**_table(values, "network")),
        sharing=SharingConfig(**_table(values, "sharing")),
        sync=SyncConfig(**_table(values, "sync")),
        log=LogConfig(**_table(values, "log")),
        strategies=_strategies(values),
        projects=ProjectsConfig(**_table(values, "projects")),
        origins=origins,
    )
    _check_together(config)
    return config


# A setting's name, its checked value, and where it stood.
_Entry = tuple[str, object, str]


def _table(values: Mapping[str, object], table: str) -> dict[str, Any]:
    prefix = f"{table}."
    return {
        name.removeprefix(prefix): value
        for name, value in values.items()
        if name.startswith(prefix)
    }


def _strategies(values: Mapping[str, object]) -> StrategiesConfig:
    """The general strategies, and those of types and categories, which have tables of their own."""
    general: dict[str, Any] = {}
    by: dict[str, dict[str, dict[str, str]]] = {"type": {}, "category": {}}
    for name, value in values.items():
        table, _, rest = name.partition(".")
        if table != "strategies":
            continue
        where, _, key = rest.rpartition(".")
        kind, _, category = where.partition(".")
        if not where:
            general[key] = value
        elif category:
            by["category"].setdefault(category, {})[key] = str(value)
        else:
            by["type"].setdefault(kind, {})[key] = str(value)
    return StrategiesConfig(**general, by_type=by["type"], by_category=by["category"])


def _check_together(config: Config) -> None:
    given = [name for name in TLS_SETTINGS if config.value(name)]
    if given and len(given) < len(TLS_SETTINGS):
        missing = next(name for name in TLS_SETTINGS if name not in given)
        raise UsageError(
            f"{config.origins[given[0]]}: {given[0]} is set and {missing} is not",
            hint=f"{', '.join(TLS_SETTINGS)} belong together: set all three, or none",
        )
    sync = config.sync
    for larger, high, smaller, low in (
        ("sync.dead_after_s", sync.dead_after_s, "sync.ping_s", sync.ping_s),
        ("sync.backoff_max_s", sync.backoff_max_s, "sync.backoff_min_s", sync.backoff_min_s),
    ):
        if high < low:
            place = config.origins.get(larger) or config.origins[smaller]
            raise UsageError(
                f"{place}: {larger} = {high:g} is less than {smaller} = {low:g}",
                hint=f"raise {larger} or lower {smaller}",
            )


def _checked(name: str, value: object, origin: str) -> _Entry:
    """One setting from one source, or the error that names the source."""
    setting = SETTINGS.get(name)
    if setting is None:
        raise _unknown(name, origin)
    typed = _typed(setting.kind, value)
    if typed is None:
        raise UsageError(
            f"{origin}: {name} must be {setting.kind.value}, not {value!r}", hint=setting.about
        )
    problem = setting.check(typed)
    if problem:
        raise UsageError(f"{origin}: {name} = {value!r} is not allowed", hint=problem)
    return name, typed, origin


def _typed(kind: Kind, value: object) -> object | None:
    """The value as its setting stores it; None when it has another type."""
    match kind, value:
        case (Kind.BOOL, bool()) | (Kind.TEXT | Kind.PATH, str()):
            return value
        case Kind.SECONDS, int() | float() if not isinstance(value, bool):
            # Refuses nan and inf too: a wait has to end.
            return float(value) if 0 < value < 1e9 else None
        case Kind.TEXTS, list() | tuple():
            texts = cast("list[object]", value)
            return tuple(texts) if all(isinstance(text, str) for text in texts) else None
        case _:
            return None


def _parsed(kind: Kind, text: str) -> object:
    """What a text from the environment or a flag means; the text itself when it means nothing."""
    match kind:
        case Kind.BOOL:
            word = text.strip().lower()
            return True if word in _TRUE else False if word in _FALSE else text
        case Kind.TEXT | Kind.PATH:
            return text
        case Kind.TEXTS:
            return tuple(part.strip() for part in text.split(",") if part.strip())
        case Kind.SECONDS:
            try:
                return float(text)
            except ValueError:
                return text


def _unknown(name: str, origin: str) -> UsageError:
    return UsageError(f"{origin}: there is no setting {name!r}", hint=_suggestion(name, SETTINGS))


def _suggestion(name: str, allowed: Iterable[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, allowed, n=1)
    return f"did you mean {close[0]}?" if close else f"allowed: {', '.join(allowed)}"


def _from_flags(flags: Mapping[str, object]) -> Iterator[_Entry]:
    for name, value in flags.items():
        if value is None:
            continue
        if isinstance(value, str) and name in SETTINGS:
            value = _parsed(SETTINGS[name].kind, value)  # noqa: PLW2901 - the same value, typed
        yield _checked(name, value, "flag")


def _from_env(env: Mapping[str, str]) -> Iterator[_Entry]:
    by_variable = {setting.env: setting for setting in SETTINGS.values()}
    for variable, text in sorted(env.items()):
        if not variable.startswith(ENV_PREFIX) or variable in _PLACES or not text:
            continue
        setting = by_variable.get(variable)
        if setting is None:
            raise UsageError(
                f"there is no environment variable {variable}",
                hint=_suggestion(variable, [*_PLACES, *by_variable]),
            )
        yield _checked(setting.name, _parsed(setting.kind, text), variable)


def _project_file(cwd: Path | None) -> Path | None:
    if cwd is None:
        return None
    candidates = (folder / PROJECT_FILE for folder in (cwd, *cwd.parents))
    return next((path for path in candidates if path.is_file()), None)


def _from_project(path: Path | None, trusted: Iterable[str], home: Path) -> Iterator[_Entry]:
    """What a project file sets.

    Raises:
        UsageError: It sets more than how things look, and its folder is not trusted.
    """
    if path is None:
        return
    folder = path.parent.resolve()
    known = {Path(text).expanduser().resolve() for text in trusted}
    free = not known.isdisjoint((folder, *folder.parents))
    for name, value, origin in _from_file(path):
        if name == _TRUSTED:
            raise UsageError(
                f"{origin}: a project file cannot say which projects are trusted",
                hint=f"say it in {home / USER_FILE}",
            )
        if not (free or name.startswith(_HARMLESS)):
            raise UsageError(
                f"{origin}: a project file may not set {name} unless its folder is trusted",
                hint=f"move it to {home / USER_FILE}; or, if nobody else can have written the file,"
                f" put there: [projects] trusted = [{json.dumps(str(folder))}]",
            )
        yield name, value, origin


def _from_file(path: Path) -> Iterator[_Entry]:
    """The settings in a TOML file; none when there is no such file."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hint="it must be UTF-8 text") from error
    for table, content in _parse_toml(path, text).items():
        place = f"{path}:{_line_of(text, (table,))}"
        if not isinstance(content, dict):
            raise _unknown(table, place)
        if table not in _TABLES:
            allowed = ", ".join(f"[{name}]" for name in sorted(_TABLES))
            raise UsageError(f"{place}: there is no table [{table}]", hint=f"allowed: {allowed}")
        for key, value in cast("dict[str, object]", content).items():
            if table == "strategies" and isinstance(value, dict):
                chosen = cast("dict[str, object]", value)
                yield from _chosen_strategies(path, text, (table, key), chosen)
                continue
            name, place = f"{table}.{key}", f"{path}:{_line_of(text, (table, key))}"
            yield _checked(name, _beside(path, name, value), place)


def _beside(file: Path, name: str, value: object) -> object:
    """The value; a path in a settings file is meant as seen from that file."""
    is_path = name in SETTINGS and SETTINGS[name].kind is Kind.PATH
    if not (is_path and isinstance(value, str) and value):
        return value
    return str(file.parent.absolute() / Path(value).expanduser())


def _chosen_strategies(
    path: Path, text: str, where: tuple[str, ...], content: dict[str, object]
) -> Iterator[_Entry]:
    """The strategies in ``[strategies.TYPE]`` or ``[strategies.categories.NAME]``."""
    of_categories = where == ("strategies", CATEGORIES_TABLE)
    name = ".".join(where)
    if len(where) == 2 and where[1] not in (*TYPES, CATEGORIES_TABLE):
        allowed = ", ".join(f"[strategies.{kind}]" for kind in (*TYPES, f"{CATEGORIES_TABLE}.NAME"))
        place = f"{path}:{_line_of(text, where)}"
        raise UsageError(f"{place}: there is no table [{name}]", hint=f"allowed: {allowed}")
    for key, value in content.items():
        place = f"{path}:{_line_of(text, (*where, key))}"
        if of_categories:
            if not isinstance(value, dict):
                raise UsageError(
                    f"{place}: {name}.{key} must be a table",
                    hint=f"for example: [{name}.{key}]",
                )
            table = cast("dict[str, object]", value)
            yield from _chosen_strategies(path, text, (*where, key), table)
            continue
        if key not in ENGRAM_FIELDS:
            raise UsageError(
                f"{place}: there is no setting {f'{name}.{key}'!r}",
                hint=_suggestion(key, ENGRAM_FIELDS),
            )
        problem = strategy_problem(value)
        if problem:
            raise UsageError(f"{place}: {name}.{key} = {value!r} is not allowed", hint=problem)
        yield f"{name}.{key}", value, place


def _parse_toml(path: Path, text: str) -> dict[str, object]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"line (\d+)", str(error))
        line = where[1] if where else str(text.count("\n") + 1)
        raise UsageError(f"{path}:{line}: this is not TOML: {error}") from error


def _line_of(text: str, keys: tuple[str, ...]) -> int:
    """The line on which a key of a valid document starts.

    TOML parsers give no positions.  So look for the shortest run of lines that parses and has the
    key; it starts after the run before that parsed.
    """
    import tomllib

    lines = text.splitlines(keepends=True)
    start = 1
    for count in range(1, len(lines) + 1):
        try:
            found: object = tomllib.loads("".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        for key in keys:
            found = cast("dict[str, object]", found).get(key) if isinstance(found, dict) else None
        if found is not None:
            return start
        start = count + 1
    return start
