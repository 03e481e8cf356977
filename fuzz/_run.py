"""Runs one target: its corpus and seeds first, then mutations of both until the time is over."""

import hashlib
import importlib
import pkgutil
import random
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import fuzz

from ._mutate import mutated

CORPUS = Path(__file__).parent / "corpus"

INPUT_SECONDS_MAX = 5.0
"""Processor time that one input may take: a thousand times the slowest honest one."""


class BrokenInvariant(Exception):
    """An input for which the target's claim is not true."""


class Target(Protocol):
    """What a target module offers."""

    def seeds(self) -> Iterable[bytes]:
        """Inputs made by the real code, to start from."""
        ...

    def check(self, data: bytes) -> None:
        """Raise when ``data`` breaks the invariant."""
        ...


class Outcome(NamedTuple):
    """What a run found."""

    inputs: int
    failing: bytes | None
    report: str
    """The traceback of the failing input."""


def require(holds: bool, claim: str) -> None:
    """Raise ``BrokenInvariant`` unless ``holds``; unlike ``assert`` it survives ``python -O``."""
    if not holds:
        raise BrokenInvariant(claim)


def names() -> list[str]:
    """Every target, sorted."""
    modules = pkgutil.iter_modules(fuzz.__path__)
    return sorted(module.name for module in modules if not module.name.startswith("_"))


def load(name: str) -> Target:
    """The target of that name, one of ``names()``."""
    return cast(Target, importlib.import_module(f"fuzz.{name}"))


def corpus_of(name: str, corpus: Path = CORPUS) -> list[Path]:
    """The committed inputs of a target, sorted by file name."""
    folder = corpus / name
    return sorted(folder.iterdir()) if folder.is_dir() else []


def keep(name: str, data: bytes, corpus: Path = CORPUS) -> Path:
    """Write an input to the corpus and say where."""
    folder = corpus / name
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path


def failure_of(target: Target, data: bytes) -> str | None:
    """The traceback that ``data`` causes, or None when the invariant holds."""
    before = time.process_time()
    try:
        target.check(data)
    except KeyboardInterrupt:
        raise
    except BaseException:  # whatever else escapes is the finding
        return traceback.format_exc()
    spent = time.process_time() - before
    return f"one input took {spent:.1f} s" if spent > INPUT_SECONDS_MAX else None


def _inputs(rng: random.Random, known: list[bytes]) -> Iterator[bytes]:
    yield from known
    while True:
        yield mutated(rng, known)


def run(
    name: str,
    *,
    seconds: float,
    seed: int,
    corpus: Path = CORPUS,
    clock: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Search for an input that breaks the target's invariant.

    Every known input is tried whatever the time.

    Args:
        name: One of ``names()``.
        seconds: How long to search.
        seed: Draws every mutation.
        corpus: Where known inputs are.
        clock: Seconds, only ever growing.
    """
    target = load(name)
    known = [path.read_bytes() for path in corpus_of(name, corpus)] + list(target.seeds())
    end = clock() + seconds
    tried = 0
    for data in _inputs(random.Random(seed), known):
        if tried >= len(known) and clock() >= end:
            break
        tried += 1
        report = failure_of(target, data)
        if report is not None:
            return Outcome(tried, data, report)
    return Outcome(tried, None, "")
