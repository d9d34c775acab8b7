"""The registry that a run serves itself: a real process."""

import os
import re
import signal
from pathlib import Path

import pytest

from firsthand.client import Client
from firsthand.errors import Unreachable
from simulator.runs import registry_process
from simulator.runs.registry_process import RegistryAddress, RegistryDiedError

pytestmark = pytest.mark.slow


def test_it_answers_with_its_own_key_and_is_gone_after_the_block_but_keeps_what_it_knows(tmp_path: Path) -> None:
    with registry_process.serve(tmp_path) as address, Client(address.url, address.api_key) as client:
        organization = client.whoami().organization
        client.put_dataset(f"{organization}/kept")
    with Client(address.url, retries=0) as client, pytest.raises(Unreachable):
        list(client.datasets())
    with registry_process.serve(tmp_path) as address, Client(address.url, address.api_key) as client:
        assert [dataset.name for dataset in client.datasets()] == [f"{organization}/kept"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FIRSTHAND_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/nothing"),
        ("firsthand_max_bulk_bytes", "a setting that no registry starts with"),
    ],
)
def test_the_users_own_settings_are_for_another_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """The service reads them in letters of either case."""
    monkeypatch.setenv(name, value)
    with registry_process.serve(tmp_path) as address, Client(address.url, address.api_key) as client:
        assert client.whoami().organization == "local"
    assert (tmp_path / "firsthand.sqlite").exists()


def test_one_that_cannot_start_is_explained_by_its_last_lines(tmp_path: Path) -> None:
    (tmp_path / "firsthand.sqlite").write_bytes(b"this is no database, but somebody's file" * 100)
    with pytest.raises(RegistryDiedError, match="not a database"), registry_process.serve(tmp_path):
        raise AssertionError("it started on a file that is no database")


def test_one_that_dies_under_way_is_the_error_and_not_what_followed(tmp_path: Path) -> None:
    with pytest.raises(RegistryDiedError, match="ended with status -9"):
        _kill_under_way(tmp_path)


def _kill_under_way(data_dir: Path) -> None:
    with registry_process.serve(data_dir) as address:
        with Client(address.url, address.api_key) as client:
            client.whoami()
        os.kill(_process(data_dir), signal.SIGKILL)
        with Client(address.url, address.api_key, retries=0) as client:
            client.whoami()


def _process(data_dir: Path) -> int:
    process = re.search(r"server process \[(\d+)\]", (data_dir / "server.log").read_text())
    assert process is not None
    return int(process[1])


def test_an_address_is_taken_as_it_is(tmp_path: Path) -> None:
    with registry_process.at("https://registry.example", tmp_path) as address:
        assert address == RegistryAddress("https://registry.example")
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_never_shown() -> None:
    assert "secret" not in repr(RegistryAddress("http://127.0.0.1:1", "secret"))
