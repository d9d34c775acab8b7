"""`firsthand serve` and `firsthand migrate`."""

import json
import re
import shlex
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
from typer.main import get_command

from firsthand.core.control_characters import escape_controls
from firsthand.errors import FirsthandError
from firsthand.http import credentials
from service import logging_setup, processes
from service.app import WrongRevision, check_revision
from service.organizations import bootstrap
from service.organizations.bootstrap import CommandLineKey, FirstKey
from service.settings import Settings, environment_variable, read_settings
from service.storage import migrate as migrations
from service.storage import private_files
from service.storage.engine import Database

serve = typer.Typer(add_completion=False)
migrate = typer.Typer(add_completion=False)

# paths are printed unchanged: brackets in the name of a folder must not be read as markup
_out = Console(soft_wrap=True, highlight=False, markup=False, emoji=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False)

DataDir = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the embedded SQLite database. It has precedence over FIRSTHAND_DATABASE_URL. "
        "Default: FIRSTHAND_DATA_DIR or, if it is not set, ./firsthand-data. Example: --data-dir /srv/firsthand"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON, for programs.")]

#: Addresses that mean all interfaces → the address for a browser, which cannot open them.
_EVERY_INTERFACE = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@serve.command()
def run(
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. Example: --host 0.0.0.0 listens on all interfaces.", envvar="FIRSTHAND_HOST"
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port to listen on; 0 chooses an unused port.", envvar="FIRSTHAND_PORT"),
    ] = 8734,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            max=256,
            help="Number of processes that answer requests at this address. Example: --workers 4",
            envvar="FIRSTHAND_WORKERS",
        ),
    ] = 1,
    data_dir: DataDir = None,
    json_: Json = False,
    with_parent: Annotated[
        bool,
        typer.Option(
            "--with-parent", help="Stop when standard input is closed. For programs that start a registry themselves."
        ),
    ] = False,
) -> None:
    """Run a registry.

    In an empty data folder, it creates the database, the organization `local` and an API key, and stores the key for
    the command line. With FIRSTHAND_DATABASE_URL it uses a PostgreSQL database that `firsthand migrate` prepared.

        firsthand serve
        FIRSTHAND_DATABASE_URL=postgresql://user:password@host/firsthand firsthand serve --host 0.0.0.0 --workers 4
    """
    settings = _settings(data_dir)
    logging_setup.set_up(settings.log_format)
    with _listen(host, port) as listener:
        url = _url(host, listener.getsockname()[1])
        first, command_line_key = _prepared(settings, url)
        if json_:
            organization = first.organization if first else None
            _print_json({"url": url, "organization": organization, "credentials": str(credentials.path())})
        else:
            _announce(url, settings, first, command_line_key)
        if with_parent:
            processes.end_with(processes.standard_input_closed)
        processes.serve(settings, listener, workers)


def _url(host: str, port: int) -> str:
    """Return the URL of the service. If `host` means all interfaces, the URL has the loopback address."""
    opened = _EVERY_INTERFACE.get(host, host)
    return f"http://{f'[{opened}]' if ':' in opened else opened}:{port}"


def _prepared(settings: Settings, url: str) -> tuple[FirstKey | None, CommandLineKey]:
    """Migrate the database if necessary, and create the first API key if there is none.

    Return (the first API key if it was created now, otherwise None; the state of the command line's key for `url`).
    """
    _require_folders(settings)
    with _errors_in_words(settings):
        migrations.check_encoding(settings)
        if settings.migrate_on_start or (settings.embedded and migrations.current(settings) is None):
            migrations.upgrade(settings)
        database = Database(settings)
        try:
            check_revision(settings, database)
            # also if nothing was migrated now: an earlier start may have been killed before it created the key
            prepares = settings.embedded or settings.migrate_on_start
            first = bootstrap.first_key(database, settings.data_dir) if prepares else None
            return first, bootstrap.hand_over(database, settings.data_dir, url)
        finally:
            database.close()


def _require_folders(settings: Settings) -> None:
    """Raise FirsthandError if a folder that the registry writes later cannot be written."""
    if settings.embedded or settings.snapshots_dir is None:
        private_files.require_folder(settings.data_dir, environment_variable("data_dir"))
    private_files.require_folder(settings.snapshots, environment_variable("snapshots_dir"))


def _announce(url: str, settings: Settings, first: FirstKey | None, key: CommandLineKey) -> None:
    """Print the address, what was created, and what to do next."""
    _out.print(f"Firsthand serves {settings.shown_url} at {url} (API reference: {url}/docs)")
    if first and key.state == "valid":
        _out.print(
            f"Created the organization {first.organization} and its API key, which is stored in {credentials.path()}"
        )
    key_file = (settings.data_dir / bootstrap.FILE).resolve()  # the other terminal may be in another folder
    if key.state == "other":
        source = (
            f" The key of this registry is in its data folder:  firsthand login {url} < {shlex.quote(str(key_file))}"
        )
        _out.print(
            "The stored API key for this address is not valid for this registry. It was not replaced."
            + (source if key_file.exists() else f" Store a valid key with:  firsthand login {url}")
        )
    elif key.state == "none":
        _out.print(f"The command line has no API key for this address. Store a key with:  firsthand login {url}")
    if settings.embedded and key.state == "valid" and credentials.resolve()[0] == url:
        _out.print(
            f"Continue in another terminal, for example:  firsthand dataset create {key.organization}/texts"
            "  ·  Stop with Ctrl-C"
        )
    else:
        _out.print("Stop with Ctrl-C")


@migrate.command()
def upgrade(
    data_dir: DataDir = None,
    json_: Json = False,
    key_only: Annotated[
        bool,
        typer.Option(
            "--key-only",
            help="Print only the new API key, for a variable of a script. If no key is created, this is an error.",
        ),
    ] = False,
    new_operator_key: Annotated[
        bool,
        typer.Option(
            "--new-operator-key",
            help="If the registry has a first key already, create another key with all scopes for the organization "
            "`local`. Use it if the last key with the scope operator is lost.",
        ),
    ] = False,
) -> None:
    """Upgrade the database to the revision that this version needs.

    A new database gets the organization `local` and an API key, which is printed once.

        firsthand migrate
        firsthand migrate --new-operator-key --key-only
        FIRSTHAND_DATABASE_URL=postgresql://user:password@host/firsthand firsthand migrate
    """
    settings = _settings(data_dir)
    if settings.embedded:
        private_files.require_folder(settings.data_dir, environment_variable("data_dir"))
    with _errors_in_words(settings):
        before, after = migrations.upgrade(settings)
        database = Database(settings)
        first = bootstrap.first_key(database, settings.data_dir if settings.embedded else None)
        created = bootstrap.operator_key(database) if first is None and new_operator_key else first
        database.close()
        partitions = migrations.claim_partitions(settings)
    shown_url = settings.shown_url
    if key_only:
        if created is None:
            raise FirsthandError(
                f"No key was created: {shown_url} has its first key already. If no key with the scope operator is "
                "left, add --new-operator-key."
            )
        return _out.print(created.api_key)
    if json_:
        result = {"database": shown_url, "before": before, "after": after, "api_key": created and created.api_key}
        _print_json({**result, "claim_partitions": partitions})
        return
    _out.print(f"{shown_url}: revision {after}" + ("" if before != after else " (no change)"))
    _out.print(_partitions_in_words(partitions, settings))
    if created:
        organization = f"the organization {created.organization} with an API key for its administrator"
        _out.print(f"Created {organization if first else f'a key with all scopes for {created.organization}'}.")
        _out.print(f"The key is not shown again: {created.api_key}")
    if first:
        _out.print("Start the registry with: firsthand serve")
        _out.print("Then store this key with: firsthand login URL (the address of the registry)")


def _partitions_in_words(partitions: int, settings: Settings) -> str:
    number = "The claims are in one table" if partitions == 1 else f"The claims are in {partitions} partitions"
    if settings.claim_partitions == partitions:
        return f"{number}."
    reason = "SQLite has no partitions" if settings.embedded else "the number is chosen when the database is created"
    return f"{number}. FIRSTHAND_CLAIM_PARTITIONS={settings.claim_partitions} has no effect: {reason}."


def _settings(data_dir: Path | None) -> Settings:
    """Return the settings. The option --data-dir takes precedence over FIRSTHAND_DATABASE_URL."""
    options = get_command(serve).params
    variables = [str(option.envvar) for option in options if option.envvar]  # serve and migrate share an environment
    given = {} if data_dir is None else {"data_dir": data_dir, "database_url": None}
    return read_settings(variables, **given)


@contextmanager
def _errors_in_words(settings: Settings) -> Iterator[None]:
    """If a database error occurs in the block, print it with the next step, and exit with status 1."""
    shown_url = settings.shown_url
    try:
        yield
    except (WrongRevision, migrations.WrongEncoding) as error:
        message = str(error)
    except CommandError as error:
        message = (
            f"This version cannot migrate the database {shown_url}: {error}. If a newer version of Firsthand "
            "created the database, install that version."
        )
    except OperationalError as error:
        message = _operational_error_in_words(shown_url, _reason(error))
    except DatabaseError as error:
        message = (
            f"The database {shown_url} cannot be read: {_reason(error)}\nCheck that this is a database of Firsthand."
        )
    else:
        return
    _err.print(f"[red]{escape(escape_controls(message, keep=chr(10)))}[/red]")
    raise typer.Exit(1)


def _reason(error: DatabaseError) -> str:
    """Return the message of the driver, in lines without the tabs with which libpq indents."""
    return "\n".join(" ".join(line.split()) for line in str(error.orig).strip().splitlines())


def _operational_error_in_words(shown_url: str, reason: str) -> str:
    """Return what is wrong and what to do, if no connection to the database was made or a connection failed.

    libpq gives no code for a refused connection, so this reads its message. A server that refuses begins with FATAL.
    """
    if "password" in reason:
        state = "refuses the user or the password"
        advice = "Check both, in FIRSTHAND_DATABASE_URL or in ~/.pgpass."
    elif re.search('database ".*" does not exist', reason):
        state, advice = "does not exist", "Create it, or correct its name in FIRSTHAND_DATABASE_URL."
    elif "FATAL:" in reason:
        state = "refuses the connection"
        advice = (
            "The server runs. Check the user in FIRSTHAND_DATABASE_URL, and the settings and the log of the server."
        )
    else:
        state, advice = "does not answer", "Check its address, and that it is running and can be reached."
    return f"The database {shown_url} {state}: {reason}\n{advice}"


def _listen(host: str, port: int) -> socket.socket:
    """Return the listening socket. Call this before anything is printed or created.

    Then the printed address accepts connections at once. If the port is in use, the command fails without side effects.
    """
    # asyncio turns off Nagle's algorithm only on sockets that name TCP; otherwise each answer waits 40 ms for an ACK
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        _err.print(
            f"[red]Cannot listen on {host}:{port}: {error.strerror}. "
            "Choose another port with --port; --port 0 chooses an unused one.[/red]"
        )
        raise typer.Exit(1) from None
    return listener


def _print_json(fields: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()
