"""Keys are kept where only their owner reads them, and the environment comes before what is kept."""

import json
import os
from pathlib import Path

import pytest

from firsthand import Client
from firsthand.errors import CredentialsError
from firsthand.http import credentials


def test_what_is_stored_is_found_again_and_the_last_one_is_the_default(tmp_path: Path) -> None:
    credentials.store("http://one.test/", "acme", "key-1", directory=tmp_path)
    path = credentials.store("http://two.test", "other", "key-2", directory=tmp_path)
    assert json.loads(path.read_text()) == {
        "default": "http://two.test",
        "registries": {
            "http://one.test": {"organization": "acme", "api_key": "key-1"},
            "http://two.test": {"organization": "other", "api_key": "key-2"},
        },
    }
    assert credentials.load(tmp_path).registries["http://one.test"].api_key == "key-1"


def test_a_registry_may_be_stored_beside_the_default(tmp_path: Path) -> None:
    credentials.store("http://one.test", "acme", "key-1", directory=tmp_path)
    credentials.store("http://two.test", "acme", "key-2", default=False, directory=tmp_path)
    assert credentials.load(tmp_path).default == "http://one.test"


def test_the_first_registry_is_the_default(tmp_path: Path) -> None:
    credentials.store("http://one.test", "acme", "key-1", default=False, directory=tmp_path)
    assert credentials.load(tmp_path).default == "http://one.test"


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_only_the_owner_reads_the_file_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        path = credentials.store("http://one.test", "acme", "key", directory=tmp_path / "new" / "folder")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert list(path.parent.iterdir()) == [path]


def test_where_nothing_is_stored_there_is_nothing(tmp_path: Path) -> None:
    assert credentials.load(tmp_path) == credentials.Credentials()
    assert credentials.resolve() == (credentials.DEFAULT_URL, None)


def test_a_broken_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "credentials.json").write_text("{")
    with pytest.raises(CredentialsError, match=r"credentials.json cannot be read \("):
        credentials.load(tmp_path)


def test_a_broken_credentials_file_does_not_matter_if_the_key_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.path().parent.mkdir(parents=True)
    credentials.path().write_text("{")
    assert credentials.resolve("http://given.test/", "given") == ("http://given.test", "given")
    with Client("http://given.test", "given") as client:
        assert client.url == "http://given.test"
    with pytest.raises(CredentialsError, match="Move it to another folder"):
        credentials.resolve("http://given.test")
    monkeypatch.setenv("FIRSTHAND_URL", "http://environment.test")
    monkeypatch.setenv("FIRSTHAND_API_KEY", "environment's")
    assert credentials.resolve() == ("http://environment.test", "environment's")


def test_given_comes_before_environment_and_environment_before_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.store("http://other.test", "acme", "other's")
    credentials.store("http://stored.test", "acme", "stored")
    assert credentials.resolve() == ("http://stored.test", "stored")
    monkeypatch.setenv("FIRSTHAND_URL", "http://other.test/")
    assert credentials.resolve() == ("http://other.test", "other's")
    monkeypatch.setenv("FIRSTHAND_API_KEY", "environment's")
    assert credentials.resolve() == ("http://other.test", "environment's")
    assert credentials.resolve("http://given.test", "given") == ("http://given.test", "given")


KEY = "fh_0123456789ab_secret"


def test_the_port_of_a_local_registry_moves_the_client_too(monkeypatch: pytest.MonkeyPatch) -> None:
    credentials.store("http://127.0.0.1:9000", "local", "of 9000")
    credentials.store("http://stored.test", "acme", "stored")
    for port, address, key in (
        ("9000", "http://127.0.0.1:9000", "of 9000"),
        ("9001", "http://127.0.0.1:9001", None),
        ("0", "http://stored.test", "stored"),  # a free port, which nobody knows beforehand
        ("", "http://stored.test", "stored"),
    ):
        monkeypatch.setenv("FIRSTHAND_PORT", port)
        assert credentials.resolve() == (address, key)
    monkeypatch.setenv("FIRSTHAND_PORT", "9000")
    monkeypatch.setenv("FIRSTHAND_URL", "http://other.test")
    assert credentials.resolve() == ("http://other.test", None)
    assert credentials.resolve("http://stored.test") == ("http://stored.test", "stored")


@pytest.mark.parametrize("port", ["http", "65536", "-1", "８７３４"])
def test_a_port_that_is_none_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv("FIRSTHAND_PORT", port)
    with pytest.raises(CredentialsError, match=r"FIRSTHAND_PORT is .*; set it to a number from 1 to 65535"):
        credentials.resolve()


def test_a_key_is_replaced_only_if_it_is_the_stored_one() -> None:
    credentials.store("http://one.test", "acme", KEY)
    credentials.store("http://two.test", "acme", "two's")
    assert not credentials.replace("http://one.test", "ffffffffffff", "new")
    assert not credentials.replace("http://three.test", "0123456789ab", "new")
    assert credentials.replace("http://one.test/", "0123456789ab", "new")
    stored = credentials.load()
    assert (stored.default, stored.registries["http://one.test"].api_key) == ("http://two.test", "new")


def test_a_key_is_never_sent_to_another_registry_than_its_own() -> None:
    credentials.store("http://stored.test", "acme", "stored")
    assert credentials.resolve("http://given.test") == ("http://given.test", None)


def test_a_key_is_described_by_its_origin_and_its_id_but_never_by_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_API_KEY", KEY)
    assert credentials.describe_key(KEY, given=False) == "the key of FIRSTHAND_API_KEY, id 0123456789ab"
    monkeypatch.delenv("FIRSTHAND_API_KEY")
    stored = "the key that `firsthand login` stored, id 0123456789ab"
    assert credentials.describe_key(KEY, given=False) == stored
    assert credentials.describe_key(KEY, given=True) == "the given key, id 0123456789ab"
    assert credentials.describe_key("another form", given=True) == "the given key"
    assert credentials.describe_key(None, given=False) == ""
