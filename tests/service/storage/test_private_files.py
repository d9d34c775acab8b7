"""What a registry writes can be read by its own user alone, whatever the umask."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from service.app import create_app
from service.organizations import bootstrap
from service.settings import Settings
from service.storage import migrate, private_files
from service.storage.engine import Database


@pytest.fixture(params=[0o000, 0o022], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.slow
@pytest.mark.usefixtures("_umask")
def test_database_first_key_and_snapshots_belong_to_their_owner_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", database_url=None)
    migrate.upgrade(settings)
    database = Database(settings)
    first = bootstrap.first_key(database, settings.data_dir)
    assert first is not None
    with TestClient(create_app(settings), headers={"Authorization": f"Bearer {first.api_key}"}) as client:
        client.put("/v1/datasets/local/texts", json={})
        while client.post("/v1/snapshots", json={"as_of": 1}).status_code == 202:
            pass
        files = {path.name: mode(path) for path in settings.data_dir.iterdir() if path.is_file()}
        assert files == dict.fromkeys(
            ("firsthand.sqlite", "firsthand.sqlite-wal", "firsthand.sqlite-shm", "first-key"), 0o600
        )
        folders = [
            settings.data_dir,
            settings.snapshots,
            *(path for path in settings.snapshots.iterdir() if path.is_dir()),
        ]
        assert [mode(folder) for folder in folders] == [0o700] * 3
        stored = [path for path in settings.snapshots.rglob("*") if path.is_file()]
        assert {path.name for path in stored} >= {"manifest.json", "index.json"}
        assert {path.name: mode(path) for path in stored if mode(path) != 0o600} == {}
    database.close()


@pytest.mark.usefixtures("_umask")
def test_a_database_that_is_opened_before_it_is_migrated_is_private_too(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url=None)
    Database(settings).close()
    assert mode(settings.database_file) == 0o600


def test_what_exists_keeps_the_rights_that_its_operator_gave(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o750)
    (tmp_path / "file").touch(0o640)
    private_files.make_folder(tmp_path / "shared")
    private_files.make_file(tmp_path / "file")
    assert (mode(tmp_path / "shared"), mode(tmp_path / "file")) == (0o750, 0o640)
