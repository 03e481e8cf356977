import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_sync.config import SETTINGS, Config, load_config
from engram_sync.errors import UsageError


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def user_file(home: Path, text: str) -> None:
    (home / "config.toml").write_text(text)


def project_file(project: Path, text: str) -> None:
    (project / "engram-sync.toml").write_text(text)


def refusal(home: Path, text: str) -> UsageError:
    user_file(home, text)
    with pytest.raises(UsageError) as caught:
        load_config(home)
    return caught.value


def test_without_any_source_every_setting_has_its_default(home: Path) -> None:
    config = load_config(home)
    assert config == Config()
    assert config.origins == {}
    assert not config.network.enabled
    assert config.sharing.mode == "none"


def test_the_table_of_settings_and_the_config_name_the_same_things() -> None:
    for name in SETTINGS:
        assert Config().value(name) is not None


@pytest.mark.parametrize(
    ("flag", "variable", "in_project", "in_user", "level", "origin"),
    [
        ("error", "debug", "info", "warning", "error", "flag"),
        (None, "debug", "info", "warning", "debug", "ENGRAM_SYNC_LOG_LEVEL"),
        (None, None, "debug", "warning", "debug", "engram-sync.toml:2"),
        (None, None, None, "warning", "warning", "config.toml:2"),
        (None, None, None, None, "info", None),
    ],
)
def test_the_higher_source_wins_and_is_named(
    home: Path,
    project: Path,
    flag: str | None,
    variable: str | None,
    in_project: str | None,
    in_user: str | None,
    level: str,
    origin: str | None,
) -> None:
    if in_user:
        user_file(home, f'[log]\nlevel = "{in_user}"\n')
    if in_project:
        project_file(project, f'[log]\nlevel = "{in_project}"\n')
    env = {"ENGRAM_SYNC_LOG_LEVEL": variable} if variable else {}
    config = load_config(home, {"log.level": flag}, env, project)
    assert config.log.level == level
    named = config.origins.get("log.level")
    assert (named is None and origin is None) or (named or "").endswith(origin or "nothing")


def test_sources_are_combined_setting_by_setting(home: Path, project: Path) -> None:
    user_file(home, '[network]\npeers = ["laptop:7463"]\n')
    project_file(project, "[log]\njson = true\n")
    config = load_config(home, {"network.mdns": False}, {}, project)
    assert config.network.peers == ("laptop:7463",)
    assert config.log.json
    assert not config.network.mdns


@pytest.mark.parametrize(
    "setting",
    [
        "network.enabled = true",
        'network.listen = ["0.0.0.0:1"]',
        'network.peers = ["attacker:1"]',
        "network.mdns = true",
        'network.tls_ca = "ca.pem"',
        'network.compression = "zstd"',
        'sharing.mode = "none"',
        "sync.interval_s = 0.001",
    ],
)
def test_the_project_file_of_a_cloned_repository_sets_nothing_that_matters(
    home: Path, project: Path, setting: str
) -> None:
    project_file(project, setting + "\n")
    with pytest.raises(
        UsageError, match=r"engram-sync\.toml:1: a project file may not set"
    ) as caught:
        load_config(home, cwd=project)
    assert f'[projects] trusted = ["{project.resolve()}"]' in caught.value.hint
    assert str(home / "config.toml") in caught.value.hint


def test_a_project_file_sets_everything_where_its_folder_is_trusted(
    home: Path, project: Path
) -> None:
    project_file(project, "[network]\nenabled = true\n")
    user_file(home, f'[projects]\ntrusted = ["{project}"]\n')
    (project / "inside").mkdir()
    assert load_config(home, cwd=project / "inside").network.enabled
    trusted = {"ENGRAM_SYNC_PROJECTS_TRUSTED": str(project.parent)}
    assert load_config(home, env=trusted, cwd=project).network.enabled
    with pytest.raises(UsageError, match=r"projects\.trusted = "):
        load_config(home, env={"ENGRAM_SYNC_PROJECTS_TRUSTED": "."}, cwd=project)
    with pytest.raises(UsageError, match=r"may not set network\.enabled"):
        load_config(home, env={"ENGRAM_SYNC_PROJECTS_TRUSTED": str(home)}, cwd=project)


def test_a_project_file_cannot_trust_itself(home: Path, project: Path) -> None:
    project_file(project, f'[projects]\ntrusted = ["{project}"]\n')
    with pytest.raises(UsageError, match="cannot say which projects are trusted"):
        load_config(home, cwd=project)
    user_file(home, f'[projects]\ntrusted = ["{project}"]\n')
    with pytest.raises(UsageError, match="cannot say which projects are trusted"):
        load_config(home, cwd=project)


def test_the_project_file_is_found_from_a_folder_inside_the_project(
    home: Path, project: Path
) -> None:
    project_file(project, "[log]\njson = true\n")
    inside = project / "src" / "deep"
    inside.mkdir(parents=True)
    assert load_config(home, cwd=inside).log.json


def test_the_nearest_project_file_wins(home: Path, project: Path) -> None:
    project_file(project, '[log]\nlevel = "error"\n')
    (project / "part").mkdir()
    project_file(project / "part", '[log]\nlevel = "debug"\n')
    assert load_config(home, cwd=project / "part").log.level == "debug"


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("ENGRAM_SYNC_NETWORK_ENABLED", "yes", True),
        ("ENGRAM_SYNC_NETWORK_ENABLED", "0", False),
        ("ENGRAM_SYNC_NETWORK_LISTEN", "127.0.0.1:0, [::1]:0", ("127.0.0.1:0", "[::1]:0")),
        ("ENGRAM_SYNC_SYNC_INTERVAL_S", "2.5", 2.5),
        ("ENGRAM_SYNC_SHARING_MODE", "none", "none"),
    ],
)
def test_an_environment_variable_is_read_as_its_setting(
    home: Path, variable: str, text: str, value: object
) -> None:
    (setting,) = (setting for setting in SETTINGS.values() if setting.env == variable)
    assert load_config(home, env={variable: text}).value(setting.name) == value


def test_an_empty_environment_variable_counts_as_unset(home: Path) -> None:
    assert load_config(home, env={"ENGRAM_SYNC_LOG_LEVEL": ""}) == Config()


def test_a_misspelt_environment_variable_is_refused_with_the_right_name(home: Path) -> None:
    with pytest.raises(UsageError, match="ENGRAM_SYNC_LOG_LEVLE") as caught:
        load_config(home, env={"ENGRAM_SYNC_LOG_LEVLE": "debug"})
    assert "ENGRAM_SYNC_LOG_LEVEL" in caught.value.hint


@pytest.mark.parametrize("variable", ["ENGRAM_SYNC_HOME", "ENGRAM_SYNC_RUNTIME_DIR", "PATH"])
def test_variables_for_directories_and_foreign_variables_are_no_settings(
    home: Path, variable: str
) -> None:
    assert load_config(home, env={variable: "/x"}) == Config()


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_name(home: Path) -> None:
    error = refusal(home, '# a comment\n\n[log]\njson = true\nlevl = "debug"\n')
    assert f"{home / 'config.toml'}:5" in error.message
    assert "log.levl" in error.message
    assert error.hint == "did you mean log.level?"


def test_an_unknown_table_is_refused_with_its_line_and_what_there_is(home: Path) -> None:
    error = refusal(home, "[log]\njson = true\n\n[colours]\nred = 1\n")
    assert "config.toml:4" in error.message
    assert "[colours]" in error.message
    assert "[network]" in error.hint


def test_a_key_outside_any_table_is_refused_with_its_line(home: Path) -> None:
    assert "config.toml:1: there is no setting 'level'" in refusal(home, "level = 3\n").message


@pytest.mark.parametrize(
    ("text", "line", "allowed"),
    [
        ('[network]\nenabled = "yes"\n', 2, "true or false"),
        ("[network]\nenabled = 1\n", 2, "true or false"),
        ('[network]\nlisten = "0.0.0.0:1"\n', 2, "a list of texts"),
        ('[network]\nlisten = [\n  "0.0.0.0:1",\n  7463,\n]\n', 2, "a list of texts"),
        ("[log]\n# why\nlevel = 3\n", 3, "text"),
        ('[sync]\ninterval_s = "30"\n', 2, "a number of seconds"),
        ("[sync]\ninterval_s = true\n", 2, "a number of seconds"),
        ("[sync]\ninterval_s = 0\n", 2, "above 0"),
        ("[sync]\ninterval_s = inf\n", 2, "a number of seconds"),
        ("[sync]\ninterval_s = nan\n", 2, "a number of seconds"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_its_line_and_what_is_allowed(
    home: Path, text: str, line: int, allowed: str
) -> None:
    error = refusal(home, text)
    assert f"config.toml:{line}:" in error.message
    assert allowed in error.message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[log]\nlevel = "loud"\n', "debug, info, warning, error"),
        ('[network]\nlisten = ["nowhere"]\n', "names no port"),
        ('[network]\npeers = ["laptop:0"]\n', "1 to 65535"),
        ('[network]\npeers = ["laptop:70000"]\n', "above 65535"),
        ('[sharing]\nmode = "everybody"\n', "none"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(
    home: Path, text: str, reason: str
) -> None:
    error = refusal(home, text)
    assert "config.toml:2:" in error.message
    assert reason in error.message + error.hint


@pytest.mark.parametrize("mode", ["read", "full"])
def test_sharing_with_other_programs_is_refused_and_not_ignored(home: Path, mode: str) -> None:
    error = refusal(home, f'[sharing]\nmode = "{mode}"\n')
    assert "only none is allowed" in error.hint


def test_broken_toml_is_refused_with_its_line(home: Path) -> None:
    error = refusal(home, "[log]\njson = true\nlevel = \n")
    assert re.search(r"config\.toml:3: this is not TOML", error.message)


def test_toml_that_stops_too_early_is_refused_with_a_line(home: Path) -> None:
    assert re.search(r"config\.toml:\d+: this is not TOML", refusal(home, '[log]\nx = "').message)


def test_a_file_that_is_not_utf8_is_refused_by_name(home: Path) -> None:
    (home / "config.toml").write_bytes(b"\xff\xfe[\x00")
    with pytest.raises(UsageError, match=r"config\.toml cannot be read"):
        load_config(home)


def test_a_directory_in_place_of_the_user_file_is_refused_by_name(home: Path) -> None:
    (home / "config.toml").mkdir()
    with pytest.raises(UsageError, match=r"config\.toml cannot be read"):
        load_config(home)


def test_an_unknown_flag_is_refused(home: Path) -> None:
    with pytest.raises(UsageError, match=r"flag: there is no setting 'log\.loud'"):
        load_config(home, {"log.loud": True})


def test_a_flag_may_be_text_and_means_the_same(home: Path) -> None:
    assert load_config(home, {"sync.ping_s": "3"}) == load_config(home, {"sync.ping_s": 3})


def test_a_peer_cannot_be_dead_before_it_was_pinged(home: Path) -> None:
    error = refusal(home, "[sync]\nping_s = 60\n")
    assert "config.toml:2" in error.message
    assert "sync.dead_after_s = 45 is less than sync.ping_s = 60" in error.message


def test_the_backoff_cannot_shrink(home: Path) -> None:
    error = refusal(home, "[sync]\nbackoff_min_s = 9\nbackoff_max_s = 3\n")
    assert "sync.backoff_max_s = 3 is less than sync.backoff_min_s = 9" in error.message


@pytest.mark.slow
@given(
    st.dictionaries(
        st.sampled_from(sorted(SETTINGS)),
        st.one_of(st.text(), st.booleans(), st.floats(), st.integers(), st.lists(st.text())),
    )
)
def test_any_flags_give_a_config_or_a_usage_error(flags: dict[str, object]) -> None:
    try:
        config = load_config(Path("/nonexistent"), flags)
    except UsageError as error:
        assert error.message
    else:
        assert set(config.origins) == set(flags)


def test_a_path_in_a_settings_file_is_meant_as_seen_from_that_file(
    home: Path, project: Path
) -> None:
    text = '[network]\ntls_ca = "tls/ca.pem"\ntls_key = "~/node.key"\n'
    user_file(home, f'{text}[projects]\ntrusted = ["{project}"]\n')
    project_file(project, '[network]\ntls_cert = "/etc/node.pem"\n')
    network = load_config(home, cwd=project).network
    assert network.tls_ca == str(home / "tls" / "ca.pem")
    assert network.tls_key == str(Path("~/node.key").expanduser())
    assert network.tls_cert == str(Path("/etc/node.pem").absolute())
    assert (
        load_config(home, {"network.tls_ca": "here.pem"}, cwd=project).network.tls_ca == "here.pem"
    )


@pytest.mark.parametrize("missing", ["tls_ca", "tls_cert", "tls_key"])
def test_the_three_files_of_tls_belong_together(home: Path, missing: str) -> None:
    given = {f"network.{name}": "x.pem" for name in ("tls_ca", "tls_cert", "tls_key")}
    del given[f"network.{missing}"]
    with pytest.raises(UsageError, match=rf"^flag: network\.\w+ is set and network\.{missing}"):
        load_config(home, given)
    user_file(home, f'[network]\n{missing} = "y.pem"\n')
    assert getattr(load_config(home, given).network, missing) == str(home / "y.pem")


def test_a_compression_that_is_none_is_refused(home: Path) -> None:
    with pytest.raises(UsageError, match=r"network\.compression = 'gzip' is not allowed") as error:
        load_config(home, {"network.compression": "gzip"})
    assert error.value.hint == "allowed: none, zstd"
