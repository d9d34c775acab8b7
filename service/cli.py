"""`firsthand serve` and `firsthand migrate`."""

import json
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from alembic.util import CommandError
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import DatabaseError, OperationalError

from firsthand.http import credentials
from service.app import WrongRevision, check_revision
from service.http import logging_setup
from service.organizations import bootstrap
from service.processes import end_with, standard_input_closed
from service.processes import serve as serve_until_told
from service.settings import Settings
from service.storage import migrate as migrations
from service.storage.engine import Database, shown

serve = typer.Typer(add_completion=False)
migrate = typer.Typer(add_completion=False)

_out = Console(soft_wrap=True, highlight=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False)

DataDir = Annotated[
    Path | None, typer.Option(help="Folder of the embedded database [env FIRSTHAND_DATA_DIR; ./firsthand-data].")
]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON for machines.")]


@serve.command()
def run(
    host: Annotated[str, typer.Option(help="Address to listen on.", envvar="FIRSTHAND_HOST")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.", envvar="FIRSTHAND_PORT")
    ] = 8734,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Processes behind the one address.", envvar="FIRSTHAND_WORKERS")
    ] = 1,
    data_dir: DataDir = None,
    json_: Json = False,
    with_parent: Annotated[bool, typer.Option("--with-parent", help="End when standard input closes.")] = False,
) -> None:
    """Run a registry.

    On an empty folder it creates the database and the organization `local` with a key, and stores the key for the
    command line. With FIRSTHAND_DATABASE_URL it serves a PostgreSQL database that `firsthand migrate` has prepared.

        firsthand serve
        FIRSTHAND_DATABASE_URL=postgresql://user:password@host/firsthand firsthand serve --host 0.0.0.0 --workers 4
    """
    settings = _settings(data_dir)
    logging_setup.set_up(settings.log_format)
    with _listen(host, port) as listener:
        url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        first, handed_over = _prepared(settings, url)
        _say(url, settings, first, handed_over, json_)
        if with_parent:
            end_with(standard_input_closed)
        serve_until_told(settings, listener, workers)


def _prepared(settings: Settings, url: str) -> tuple[bootstrap.FirstKey | None, bool]:
    """On a database that is migrated: the first key where there was none, and whether the command line has one."""
    with _problems_in_words(settings):
        if settings.migrate_on_start or (settings.embedded and migrations.current(settings) is None):
            migrations.upgrade(settings)
        database = Database(settings)
        try:
            check_revision(settings, database)
            # not only where it migrated: a start that was killed in between has left a registry that nobody can enter
            prepares = settings.embedded or settings.migrate_on_start
            first = bootstrap.first_key(database, settings.data_dir) if prepares else None
            return first, bootstrap.hand_over(database, settings.data_dir, url)
        finally:
            database.close()


@migrate.command()
def upgrade(data_dir: DataDir = None, json_: Json = False) -> None:
    """Bring the database to the revision that this version needs; a new one gets the organization `local` and a key.

    firsthand migrate
    FIRSTHAND_DATABASE_URL=postgresql://user:password@host/firsthand firsthand migrate
    """
    settings = _settings(data_dir)
    with _problems_in_words(settings):
        before, after = migrations.upgrade(settings)
        database = Database(settings)
        first = bootstrap.first_key(database, settings.data_dir if settings.embedded else None)
        database.close()
        partitions = migrations.claim_partitions(settings)
    if json_:
        said = {"database": shown(settings.url), "before": before, "after": after, "api_key": first and first.api_key}
        _print_json({**said, "claim_partitions": partitions})
        return
    _out.print(f"{shown(settings.url)}: revision {after}" + ("" if before != after else ", as it was"))
    _out.print(_said_of_partitions(partitions, settings))
    if first:
        _out.print(f"Organization {first.organization}, with an administrator's key, shown this once: {first.api_key}")
        _out.print("Start with: firsthand serve   and store the key with: firsthand login URL")


def _said_of_partitions(partitions: int, settings: Settings) -> str:
    said = "Claims lie in one table" if partitions == 1 else f"Claims lie in {partitions} partitions"
    if settings.claim_partitions == partitions:
        return said + "."
    why = "SQLite has no partitions" if settings.embedded else "the number is chosen when the database is created"
    return f"{said}. FIRSTHAND_CLAIM_PARTITIONS={settings.claim_partitions} is not used: {why}."


def _settings(data_dir: Path | None) -> Settings:
    """A folder that is typed wins over a database that the environment names."""
    return Settings() if data_dir is None else Settings(data_dir=data_dir, database_url=None)


@contextmanager
def _problems_in_words(settings: Settings) -> Iterator[None]:
    try:
        yield
    except WrongRevision as error:
        said = str(error)
    except CommandError as error:
        said = f"The database {shown(settings.url)} cannot be migrated by this version, perhaps an older one: {error}"
    except OperationalError as error:
        said = f"The database {shown(settings.url)} does not answer: {error.orig}"
    except DatabaseError as error:
        said = f"The database {shown(settings.url)} cannot be read: {error.orig}"
    else:
        return
    _err.print(f"[red]{escape(said)}[/red]")
    raise typer.Exit(1)


def _listen(host: str, port: int) -> socket.socket:
    """Listens at once: who reads the address that is printed can connect, and a port in use is told here."""
    # asyncio turns off Nagle's algorithm only on sockets that name TCP; with it each answer waits 40 ms for an ACK
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        _err.print(
            f"[red]Cannot listen on {host}:{port}: {error.strerror}. Choose another: --port 0 takes a free one.[/red]"
        )
        raise typer.Exit(1) from None
    return listener


def _say(url: str, settings: Settings, first: bootstrap.FirstKey | None, handed_over: bool, json_: bool) -> None:
    """What was done, and how to go on: three lines, or one of JSON."""
    if json_:
        _print_json({"url": url, "organization": first and first.organization, "credentials": str(credentials.path())})
        return
    _out.print(f"Firsthand serves {shown(settings.url)} at {url} (its calls: {url}/docs)")
    if not handed_over:
        _out.print(
            f"The command line has another registry's key for this address, and keeps it; this one's is in its data "
            f"folder:  firsthand login {url} < {settings.data_dir / bootstrap.FILE}"
        )
    elif first:
        _out.print(
            f"It is new: the organization {first.organization} has a key, stored for the command line in "
            f"{credentials.path()}"
        )
    _out.print("Go on in another terminal:  firsthand dataset create local/texts  ·  end with Ctrl-C")


def _print_json(said: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
