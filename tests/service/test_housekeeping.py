"""Background jobs: they run again and again, a failure stops none, and the last work is done at the end."""

import pytest
from fastapi.testclient import TestClient

from benchmarks.harness.waiting import wait_until
from service.app import create_app
from service.housekeeping import Housekeeping, Job
from service.organizations import store
from service.settings import Settings
from service.storage.engine import Database


def test_a_job_that_fails_is_logged_and_runs_again_beside_the_others() -> None:
    failed, done, ended = list[int](), list[int](), list[int]()

    def fail() -> None:
        failed.append(1)
        raise OSError("the disk is full")

    keeping = Housekeeping(
        [
            Job("failing", 0.01, fail),
            Job("working", 0.01, lambda: done.append(1)),
            Job("rare", 3600, lambda: ended.append(1), at_end=True),
        ]
    )
    keeping.start()
    wait_until(lambda: len(failed) >= 3 and len(done) >= 3, "the jobs run")
    assert ended == []
    keeping.close()
    assert ended == [1]
    assert not keeping._thread.is_alive()


@pytest.mark.slow
def test_the_last_use_of_a_key_is_written_when_the_service_stops(empty_database: Settings) -> None:
    database = Database(empty_database)
    with database.writes() as session:
        store.create(session, "local", "")
        id_, key = store.issue_key(session, "local", "", ["read"])
    with TestClient(create_app(empty_database)) as client:
        client.get("/v1/keys/current", headers={"Authorization": f"Bearer {key}"})
    with database.reads() as session:
        assert store.key(session, id_).last_used_at is not None
    database.close()
