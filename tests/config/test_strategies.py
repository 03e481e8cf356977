"""Claims about choosing strategies by field, type and category."""

from pathlib import Path

import pytest

from engram_sync.config import STRATEGY_FIELDS, StrategiesConfig, load_config
from engram_sync.errors import UsageError


def from_file(home: Path, text: str) -> StrategiesConfig:
    (home / "config.toml").write_text(text)
    return load_config(home).strategies


def refusal(home: Path, text: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        from_file(home, text)
    return caught.value


def test_without_a_choice_everything_stands_side_by_side(tmp_path: Path) -> None:
    chosen = load_config(tmp_path).strategies
    assert {chosen.of(field, type="semantic", category="x") for field in STRATEGY_FIELDS} == {"mvr"}


def test_the_narrowest_choice_counts(tmp_path: Path) -> None:
    chosen = from_file(
        tmp_path,
        """
[strategies]
title = "lww"
category = "lww"
[strategies.semantic]
title = "lww-wall"
content = "lww-lamport"
[strategies.categories."incident report"]
title = "longest@2"
""",
    )
    assert chosen.of("title") == "lww"
    assert chosen.of("title", type="episodic", category="other") == "lww"
    assert chosen.of("title", type="semantic") == "lww-wall"
    assert chosen.of("title", type="semantic", category="incident report") == "longest@2"
    assert chosen.of("content", type="semantic", category="incident report") == "lww-lamport"
    assert chosen.of("metadata", type="semantic", category="incident report") == "mvr"
    assert chosen.of("category") == "lww"


def test_general_choices_come_from_flags_and_the_environment_too(tmp_path: Path) -> None:
    env = {"ENGRAM_SYNC_STRATEGIES_TITLE": "lww", "ENGRAM_SYNC_STRATEGIES_SKILL": "lww"}
    config = load_config(tmp_path, flags={"strategies.title": "lww-wall"}, env=env)
    assert (config.strategies.title, config.strategies.skill) == ("lww-wall", "lww")
    assert config.origins["strategies.skill"] == "ENGRAM_SYNC_STRATEGIES_SKILL"


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ('[strategies]\ntitle = "newest"', 2, "use one of: mvr, lww"),
        ("[strategies]\ntitle = 7", 2, "how several values"),
        ('[strategies]\ntags = "lww"', 2, "did you mean"),
        ('[strategies]\ntitle = "longest@0"', 2, "NAME@VERSION"),
        ('[strategies]\ntitle = "Longest@1"', 2, "NAME@VERSION"),
        ('[strategies.instant]\ntitle = "lww"', 1, "[strategies.semantic]"),
        ('[strategies.semantic]\ntype = "lww"', 2, "allowed"),
        ('[strategies.semantic]\ntitle = ["lww"]', 2, "NAME@VERSION"),
        ('[strategies.categories]\nlog = "lww"', 2, "[strategies.categories.log]"),
        ('[strategies.categories.log]\ntitel = "lww"', 2, "did you mean title?"),
        ('[strategies.categories.log]\ntitle = "last"', 2, "NAME@VERSION"),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused_with_its_line(
    tmp_path: Path, text: str, place: int, words: str
) -> None:
    error = refusal(tmp_path, text)
    assert f"config.toml:{place}: " in error.message
    assert words in error.hint
