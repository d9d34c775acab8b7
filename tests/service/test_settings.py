"""Settings: each is described, and read from the environment; tests/test_reference.py holds their page to it."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from firsthand.errors import FirsthandError
from service.settings import Settings, environment_variable, read_settings, without_password
from service.storage import migrate
from tests.service.processes import ran

VARIABLES = {environment_variable(name): field for name, field in Settings.model_fields.items()}


@pytest.mark.parametrize("variable", VARIABLES)
def test_every_setting_says_what_it_is_for(variable: str) -> None:
    description = VARIABLES[variable].description
    assert description
    assert description.endswith(".")


def test_without_any_the_database_is_a_file_in_a_folder_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    assert settings.embedded
    assert settings.shown_url == f"sqlite:///{tmp_path}/firsthand-data/firsthand.sqlite"


def test_the_folder_of_the_database_is_one_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_DATA_DIR", str(tmp_path / "x"))
    assert Settings().url.database == f"{tmp_path}/x/firsthand.sqlite"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["r?a", "r?b", "a%20b", "a b", "a#b", "a&b=c", ":memory:", "file:x", "ä'\"\\n"])
def test_special_characters_in_the_name_of_the_folder_name_that_folder(tmp_path: Path, name: str) -> None:
    settings = Settings(data_dir=tmp_path / name, database_url=None)
    assert migrate.upgrade(settings)[0] is None
    assert (tmp_path / name / "firsthand.sqlite").stat().st_size > 0
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert settings.shown_url == f"sqlite:///{tmp_path}/{name}/firsthand.sqlite"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_way_to_write_a_postgresql_address_is_taken(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_DATABASE_URL", f"{scheme}://me:secret@host:5433/there?sslmode=require")
    settings = Settings()
    assert not settings.embedded
    shown = settings.url.render_as_string(hide_password=False)
    assert shown == "postgresql+psycopg://me:secret@host:5433/there?sslmode=require"
    assert settings.connect_args == {}


@pytest.mark.parametrize(("stated", "argument"), [("0", None), ("1", 1), ("5", 5)])
def test_the_address_says_when_statements_are_prepared(stated: str, argument: int | None) -> None:
    settings = Settings(database_url=f"postgresql://host/there?sslmode=require&prepare_threshold={stated}")
    assert settings.connect_args == {"prepare_threshold": argument}
    assert dict(settings.url.query) == {"sslmode": "require"}


def test_a_threshold_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValidationError, match="prepare_threshold must be a whole number: 0 prepares no statement"):
        Settings(database_url="postgresql://host/there?prepare_threshold=None")


@pytest.mark.parametrize("address", ["mysql://me:secret@host/there", "sqlite:///secret", "secret"])
def test_another_database_is_refused_without_repeating_its_password(address: str) -> None:
    with pytest.raises(ValidationError, match="begins with postgresql://") as refused:
        Settings(database_url=address)
    assert "secret" not in str(refused.value)


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a compose file leaves it, where nothing stands behind the equals sign."""
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "")
    assert Settings() == Settings.model_construct()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("BULK_SLOTS", "0"),
        ("ANSWERS_DAYS", "29"),
        ("THREADS", "-1"),
        ("MAX_BULK_BYTES", "64 MiB"),
        ("PUBLIC_READ", "x"),
        ("LOG_FORMAT", "xml"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"FIRSTHAND_{variable}", value)
    with pytest.raises(ValidationError, match=variable.lower()):
        Settings()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("postgresql://me:secret@host/there", "postgresql://me:…@host/there"),
        ("postgresql://me:secr@et@host/there", "postgresql://me:…@host/there"),
        ("postgresql://:secret@host/there", "postgresql://:…@host/there"),
        ("postgresql://host/there?password=secret&x=y", "postgresql://host/there?password=…&x=y"),
        ("postgresql://me@host:5432/there", "postgresql://me@host:5432/there"),
        ("sqlite:////data/firsthand.sqlite", "sqlite:////data/firsthand.sqlite"),
    ],
)
def test_an_address_is_shown_without_its_password(address: str, public: str) -> None:
    assert without_password(address) == public


@pytest.mark.parametrize("name", Settings.model_fields)
def test_the_error_of_a_setting_names_its_variable_and_what_to_write(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every setting that does not take any text is tried with values that make no sense."""
    any_text = {"data_dir", "snapshots_dir"}
    monkeypatch.setenv(environment_variable(name), "no such value")
    if name in any_text:
        assert read_settings([])
        return
    with pytest.raises(FirsthandError) as refused:
        read_settings([])
    message = str(refused.value)
    assert message.startswith(environment_variable(name))
    assert "documentation of the API" not in message
    assert "is not accepted" not in message


@pytest.mark.parametrize("prefix", ["registry", "/registry/", "/a b"])
def test_a_wrong_path_prefix_is_refused_with_the_form_that_is_right(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTHAND_ROOT_PATH", prefix)
    with pytest.raises(FirsthandError, match=rf"FIRSTHAND_ROOT_PATH '{prefix}' must begin with /.* such as /registry"):
        read_settings([])


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_misspelled_setting_is_refused_with_the_nearest(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_KEY_BUGDET", "5")
    monkeypatch.setenv("FIRSTHAND_BREAD", "yes")
    refused = ran(command)
    assert refused.exit_code == 1
    message = " ".join(refused.stderr.split())
    assert "FIRSTHAND_KEY_BUGDET is not a setting. Did you mean FIRSTHAND_KEY_BUDGET?" in message
    assert "FIRSTHAND_BREAD is not a setting." in message


def test_every_variable_on_the_page_of_settings_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "settings.md").read_text()
    of_the_client = page.partition("## The client")[2]
    for name in re.findall(r"^\| `(FIRSTHAND_\w+)`", of_the_client, re.MULTILINE):
        monkeypatch.setenv(name, "8734")
    monkeypatch.setenv("FIRSTHAND_WORKERS", "2")  # of an option of serve
    monkeypatch.setenv("FIRSTHAND_MISSPELLED", "")  # empty: not set
    for name in ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT_8734_TCP_ADDR"):  # set by Kubernetes
        monkeypatch.setenv(f"FIRSTHAND_{name}", "10.0.0.1")
    migrated = ran("migrate", "--data-dir", str(tmp_path / "data"))
    assert migrated.exit_code == 0, migrated.output
