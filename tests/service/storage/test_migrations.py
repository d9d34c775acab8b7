"""Migrations: they make the tables of `service/storage/tables.py`, on both databases, there and back."""

import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from fastapi.testclient import TestClient
from sqlalchemy import Connection, inspect, text

from benchmarks.harness.served_registry import FIRSTHAND
from benchmarks.harness.waiting import PATIENCE_SECONDS
from firsthand.core.digests import to_bytes
from service.app import WrongRevision, create_app
from service.settings import Settings
from service.storage import api_keys, migrate, tables
from service.storage.bulk import insert_claims, joined_rows, rows_by_digest
from service.storage.engine import Database
from tests.conftest import create_database, database_at, drop_database, on_both
from tests.factories import crafted, digests
from tests.service.processes import environment_of, ran


@pytest.fixture
def nothing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a database in which nothing is."""
    if request.param == "sqlite":
        yield Settings(data_dir=tmp_path / "not" / "there" / "yet")
        return
    server, name = request.getfixturevalue("postgresql"), f"test_{uuid4().hex[:12]}"
    create_database(server, name)
    yield Settings(database_url=database_at(server, name))
    drop_database(server, name)


from_nothing = pytest.mark.parametrize("nothing", ["sqlite", "postgresql"], indirect=True)


def tables_of(settings: Settings) -> set[str]:
    """The tables that a database has, without Alembic's own."""
    database = Database(settings)
    with database.engine.connect() as connection:
        names = set(inspect(connection).get_table_names())
    database.close()
    return names - {"alembic_version"}


def schema(settings: Settings) -> str:
    """The whole schema as the database itself describes it."""
    database = Database(settings)
    with database.engine.connect() as connection:
        described = {name: _described(connection, name) for name in sorted(tables.metadata.tables)}
    database.close()
    return json.dumps(described, default=str, indent=1)


def _described(connection: Connection, name: str) -> dict[str, object]:
    look = inspect(connection)
    return {
        "columns": look.get_columns(name),
        "primary key": look.get_pk_constraint(name),
        "foreign keys": sorted(look.get_foreign_keys(name), key=str),
        "unique": sorted(look.get_unique_constraints(name), key=str),
        "indexes": sorted(look.get_indexes(name), key=str),
        "checks": sorted(look.get_check_constraints(name), key=str),
    }


@on_both
def test_tables_and_migrations_agree(empty_database: Settings) -> None:
    database = Database(empty_database)
    with database.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata)
    database.close()
    assert differences == []


@pytest.mark.slow
@from_nothing
def test_from_nothing_to_the_needed_revision_and_again_changes_nothing(nothing: Settings) -> None:
    assert migrate.current(nothing) is None
    assert migrate.upgrade(nothing) == (None, migrate.needed(nothing))
    assert tables_of(nothing) == set(tables.metadata.tables)
    first = schema(nothing)
    assert migrate.upgrade(nothing) == (migrate.needed(nothing), migrate.needed(nothing))
    assert schema(nothing) == first


@pytest.mark.slow
@from_nothing
def test_back_to_nothing_and_up_again(nothing: Settings) -> None:
    migrate.upgrade(nothing)
    first = schema(nothing)
    command.downgrade(migrate.config(nothing), "base")
    assert tables_of(nothing) == set()
    assert migrate.current(nothing) is None
    migrate.upgrade(nothing)
    assert schema(nothing) == first


@from_nothing
def test_registrations_of_the_first_revision_keep_the_blocks_that_they_have(nothing: Settings) -> None:
    nothing.data_dir.mkdir(parents=True, exist_ok=True)
    command.upgrade(migrate.config(nothing), "20261122_first")
    database = Database(nothing)
    with database.writes() as session:
        for statement in (
            "INSERT INTO organizations (id, name, title, position) VALUES (1, 'a', '', 1)",
            "INSERT INTO datasets (id, organization, name, profile, title, position)"
            " VALUES (1, 1, 'a/d', 'text-1', '', 2)",
            "INSERT INTO registrations (id, position, organization, dataset, origin, evidence, registered_at, items,"
            " root, has_size, has_confidence) VALUES (7, 3, 1, 1, 0, 'declared', 0, 1, '', false, false)",
        ):
            session.execute(text(statement))
    migrate.upgrade(nothing)
    with database.reads() as session:
        assert session.execute(text("SELECT id, block, start FROM registrations")).all() == [(7, 7, 0)]
    database.close()


def keys_before_operators(settings: Settings) -> Database:
    """A database before the scope operator, with keys of two organizations."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    command.upgrade(migrate.config(settings), "20261125_shared_blocks")
    database = Database(settings)
    with database.writes() as session:
        for id_, name in ((1, "local"), (2, "acme")):
            values = {"id": id_, "name": name}
            session.execute(text("INSERT INTO organizations VALUES (:id, :name, '', :id)"), values)
        for key, organization, scopes, revoked in (
            ("first", 1, "admin read write", None),
            ("other", 2, "admin", None),
            ("plain", 2, "read write", None),
            ("ended", 1, "admin read write", 1),
        ):
            session.execute(
                text("INSERT INTO keys VALUES (:id, :organization, '', :scopes, :secret, 0, :revoked)"),
                {"id": key, "organization": organization, "scopes": scopes, "secret": b"", "revoked": revoked},
            )
    return database


def scopes_of(database: Database) -> dict[str, str]:
    with database.reads() as session:
        return {id_: scopes for id_, scopes in session.execute(text("SELECT id, scopes FROM keys"))}


@pytest.mark.slow
@from_nothing
def test_every_valid_key_of_an_administrator_becomes_an_operators_and_loses_no_power(nothing: Settings) -> None:
    database = keys_before_operators(nothing)
    before = scopes_of(database)
    migrate.upgrade(nothing)
    assert scopes_of(database) == before | {"first": "admin operator read write", "other": "admin operator"}
    command.downgrade(migrate.config(nothing), "20261125_shared_blocks")
    assert scopes_of(database) == before
    migrate.upgrade(nothing)
    with database.writes() as session:
        session.execute(text("UPDATE keys SET scopes = 'admin' WHERE id = 'other'"))
    with pytest.raises(RuntimeError, match="the key other may administer its own organization"):
        command.downgrade(migrate.config(nothing), "20261125_shared_blocks")
    database.close()


@pytest.mark.slow
@from_nothing
def test_a_database_describes_migrated_tables_in_the_same_words_as_those_of_the_page(nothing: Settings) -> None:
    """Checks, lengths, names of constraints: what no comparison of types sees."""
    migrate.upgrade(nothing)
    migrated = schema(nothing)
    command.downgrade(migrate.config(nothing), "base")
    database = Database(nothing)
    tables.metadata.create_all(database.engine)
    database.close()
    assert schema(nothing) == migrated


@on_both
def test_the_schema_has_what_each_dialect_needs(empty_database: Settings) -> None:
    bulk = {name for name, table in tables.metadata.tables.items() if not table.dialect_options["sqlite"]["with_rowid"]}
    assert bulk >= {"claims", "overlaps"}
    database = Database(empty_database)
    with database.engine.connect() as connection:
        if empty_database.embedded:
            query = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '%WITHOUT ROWID%'"
            assert set(connection.scalars(text(query))) == bulk
        else:
            query = "SELECT attstorage FROM pg_attribute WHERE attrelid = 'blocks'::regclass AND attname = 'digests'"
            assert connection.scalar(text(query)) in ("e", b"e")
            assert connection.scalar(text("SELECT nextval('registration_ids')")) == 1
    database.close()


@from_nothing
def test_the_server_does_not_start_on_a_database_without_the_needed_revision(nothing: Settings) -> None:
    if nothing.embedded:
        nothing.data_dir.mkdir(parents=True)
    with pytest.raises(
        WrongRevision, match=r"has no tables of Firsthand yet; this version needs .* Run: firsthand migr"
    ):
        create_app(nothing)
    migrate.upgrade(nothing)
    create_app(nothing).state.shared.get(Database).close()
    database = Database(nothing)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '20200101_older'"))
    database.close()
    with pytest.raises(
        WrongRevision, match=r"has revision 20200101_older; this version needs .* Run: firsthand migrate"
    ):
        create_app(nothing)


@pytest.mark.slow
@from_nothing
def test_migrate_prints_the_first_key_once_and_it_opens_the_registry(
    nothing: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTHAND_DATA_DIR", str(nothing.data_dir))
    if nothing.database_url is not None:
        monkeypatch.setenv("FIRSTHAND_DATABASE_URL", nothing.database_url)
    first = ran("migrate")
    assert first.exit_code == 0
    assert f"revision {migrate.needed(nothing)}\n" in first.stdout
    (key,) = re.findall(r"The key is not shown again: (fh_\S+)", first.stdout)
    second = ran("migrate")
    assert second.exit_code == 0
    assert "no change" in second.stdout
    assert "fh_" not in second.output
    with TestClient(create_app(nothing)) as client:
        answer = client.get("/v1/keys/current", headers={"Authorization": f"Bearer {key}"})
        assert (answer.json()["organization"], answer.json()["scopes"]) == (
            "local",
            ["admin", "operator", "read", "write"],
        )


@pytest.mark.slow
@from_nothing
def test_of_two_that_migrate_at_once_both_succeed_and_one_prints_the_key(nothing: Settings) -> None:
    environment = os.environ | environment_of(nothing)
    migrating = [*FIRSTHAND, "migrate", "--json"]
    started = [
        subprocess.Popen(migrating, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    ended = [process.communicate(timeout=PATIENCE_SECONDS) for process in started]
    assert [process.returncode for process in started] == [0, 0], ended
    keys = [json.loads(output)["api_key"] for output, _ in ended]
    assert sorted(key is None for key in keys) == [False, True]


PARTITIONS = 8


@pytest.fixture
def divided(postgresql: str, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a migrated PostgreSQL database whose claims are partitioned."""
    name = f"test_{uuid4().hex[:12]}"
    create_database(postgresql, name)
    settings = Settings(database_url=database_at(postgresql, name), data_dir=tmp_path, claim_partitions=PARTITIONS)
    migrate.upgrade(settings)
    yield settings
    drop_database(postgresql, name)


def test_partitioned_claims_agree_with_the_tables_and_go_back_to_nothing(divided: Settings) -> None:
    assert tables_of(divided) == {*tables.metadata.tables, *(f"claims_{n}" for n in range(PARTITIONS))}
    command.check(migrate.config(divided))  # Alembic's own: raises where it would write a migration
    command.downgrade(migrate.config(divided), "base")
    assert tables_of(divided) == set()


def test_crafted_digests_spread_over_all_partitions_and_are_found_again(divided: Settings) -> None:
    items = crafted(4_000)
    assert len(np.unique(items[:, 0])) == 1
    database = Database(divided)
    with database.writes() as session:
        insert_claims(session, items[np.lexsort(items.T[::-1])], 1)
    with database.reads() as session:
        sizes = [session.scalar(text(f"SELECT count(*) FROM claims_{n}")) or 0 for n in range(PARTITIONS)]
        sought = to_bytes(np.concatenate([items, digests(range(100))]))
        held = rows_by_digest(session, tables.claims, sought)
    database.close()
    assert sum(sizes) == 4_000
    assert all(400 < size < 600 for size in sizes)  # 500 each, and five standard deviations
    assert sorted(digest for digest, _ in held) == sorted(to_bytes(items))


def test_a_look_up_asks_the_index_of_one_partition_for_each_digest(divided: Settings) -> None:
    """Not each index for each digest, nor the table from end to end."""
    database = Database(divided)
    with database.writes() as session:
        items = digests(range(1_000))
        insert_claims(session, items[np.lexsort(items.T[::-1])], 1)
    with database.reads() as session:
        query = joined_rows("claims", ["registration"]).replace("%b", "CAST(:asked AS bytea[])").replace("::", r"\:\:")
        parameters = {"asked": to_bytes(digests(range(500, 1_500)))}
        plan = "\n".join(session.scalars(text("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) " + query), parameters))
    database.close()
    loops = [int(n) for n in re.findall(r"Index (?:Only )?Scan (?:using|on) claims_\d_pkey.*loops=(\d+)", plan)]
    assert sum(loops) == 1_000, plan
    assert "Seq Scan" not in plan


def test_migrate_says_how_many_partitions_there_are_and_that_another_number_is_not_used(
    divided: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTHAND_CLAIM_PARTITIONS", "3")
    monkeypatch.setenv("FIRSTHAND_DATABASE_URL", str(divided.database_url))
    printed = ran("migrate").stdout
    assert "The claims are in 8 partitions. FIRSTHAND_CLAIM_PARTITIONS=3 has no effect:" in printed
    assert migrate.claim_partitions(divided) == PARTITIONS
    monkeypatch.setenv("FIRSTHAND_CLAIM_PARTITIONS", str(PARTITIONS))
    assert json.loads(ran("migrate", "--json").stdout)["claim_partitions"] == PARTITIONS
    assert "The claims are in 8 partitions.\n" in ran("migrate").stdout
    embedded = ran("migrate", "--data-dir", str(tmp_path / "embedded")).stdout
    assert (
        "The claims are in one table. FIRSTHAND_CLAIM_PARTITIONS=8 has no effect: SQLite has no partitions.\n"
        in embedded
    )


@pytest.mark.slow
@on_both
def test_who_has_the_database_can_create_another_key_of_an_operator(empty_database: Settings) -> None:
    words = ["--data-dir", str(empty_database.data_dir)] if empty_database.embedded else []
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIRSTHAND_DATABASE_URL", empty_database.database_url or "")
        first = ran("migrate", "--key-only", *words).stdout.strip()
        again = ran("migrate", "--key-only", *words)
        assert again.exit_code == 1
        assert again.stdout == ""
        assert "No key was created" in again.stderr
        assert "--new-operator-key" in again.stderr
        another = ran("migrate", "--new-operator-key", "--key-only", *words).stdout.strip()
        in_words = ran("migrate", "--new-operator-key", *words).stdout
    database = Database(empty_database)
    for key in (first, another, in_words.rpartition("not shown again: ")[2].strip()):
        stored = api_keys.valid_key(database, key)
        assert stored is not None
        assert (stored.name, set(stored.scopes.split())) == ("local", {"admin", "operator", "read", "write"})
    database.close()


@pytest.mark.slow
def test_migrate_tells_machines_in_one_line_of_json(tmp_path: Path) -> None:
    needed = migrate.needed(Settings())
    first, second = (json.loads(ran("migrate", "--data-dir", str(tmp_path), "--json").stdout) for _ in range(2))
    database = f"sqlite:///{tmp_path / 'firsthand.sqlite'}"
    key = first.pop("api_key")
    assert key.startswith("fh_")
    assert first == {"database": database, "before": None, "after": needed, "claim_partitions": 1}
    assert second == {"database": database, "before": needed, "after": needed, "api_key": None, "claim_partitions": 1}


def test_the_name_of_a_folder_is_printed_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "r?[b]a:smile:"
    assert f"sqlite:///{folder}/firsthand.sqlite: revision" in ran("migrate", "--data-dir", str(folder)).stdout
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_migrate_leaves_a_database_of_a_newer_version_as_it_is(empty_database: Settings) -> None:
    with sqlite3.connect(empty_database.data_dir / "firsthand.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '20990101_later'")
    connection.close()
    refused = ran("migrate", "--data-dir", str(empty_database.data_dir))
    assert refused.exit_code == 1
    assert "This version cannot migrate the database" in refused.stderr
    assert "20990101_later" in refused.stderr
    assert migrate.current(empty_database) == "20990101_later"
