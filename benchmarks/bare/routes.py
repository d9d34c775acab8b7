"""Bare FastAPI routes that return the claims on a single item, served by one worker.

A route is `def` (in the thread pool, with one connection per thread) or `async` (with one connection, or a pool). The
response is `{"digest": …, "registrations": […]}` and takes one query. There are no API keys, no validation and no error
handling.
"""

import asyncio
import http.client
import multiprocessing
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import psycopg
import uvicorn
from fastapi import FastAPI

Item = dict[str, str | list[int]]


def sqlite_def(path: str) -> FastAPI:
    """Return an app with a `def` route that reads SQLite, with one connection per thread."""
    app, threads = FastAPI(), threading.local()

    @app.get("/v1/items/{digest}")
    def item(digest: str) -> Item:
        if not hasattr(threads, "connection"):
            threads.connection = _open_sqlite(path)
        return _from_sqlite(threads.connection, digest)

    return app


def sqlite_async(path: str) -> FastAPI:
    """Return an app with an `async` route that reads SQLite directly. The event loop is blocked during each read."""
    app, connection = FastAPI(), _open_sqlite(path)

    @app.get("/v1/items/{digest}")
    async def item(digest: str) -> Item:
        return _from_sqlite(connection, digest)

    return app


def _open_sqlite(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA mmap_size = 17179869184")
    return connection


def _from_sqlite(connection: sqlite3.Connection, digest: str) -> Item:
    rows = connection.execute("SELECT registration FROM claims WHERE digest = ?", (bytes.fromhex(digest),))
    return {"digest": digest, "registrations": [registration for (registration,) in rows]}


_FIND = "SELECT registration FROM claims WHERE digest = %b"


def postgresql_def(address: str) -> FastAPI:
    """Return an app with a `def` route that reads PostgreSQL, with one connection per thread and prepared queries."""
    app, threads = FastAPI(), threading.local()

    @app.get("/v1/items/{digest}")
    def item(digest: str) -> Item:
        if not hasattr(threads, "connection"):
            threads.connection = psycopg.connect(address, autocommit=True)
        rows = threads.connection.execute(_FIND, (bytes.fromhex(digest),), binary=True).fetchall()
        return {"digest": digest, "registrations": [registration for (registration,) in rows]}

    return app


def postgresql_async(address: str, connections: int = 16) -> FastAPI:
    """Return an app with an `async` route that reads PostgreSQL, with a pool of asynchronous connections of psycopg."""
    pool: asyncio.Queue[psycopg.AsyncConnection[tuple[Any, ...]]] = asyncio.Queue()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        opened = [await psycopg.AsyncConnection.connect(address, autocommit=True) for _ in range(connections)]
        for connection in opened:
            pool.put_nowait(connection)
        yield
        for connection in opened:
            await connection.close()

    app = FastAPI(lifespan=lifespan)

    @app.get("/v1/items/{digest}")
    async def item(digest: str) -> Item:
        connection = await pool.get()
        try:
            cursor = await connection.execute(_FIND, (bytes.fromhex(digest),), binary=True)
            rows = await cursor.fetchall()
        finally:
            pool.put_nowait(connection)
        return {"digest": digest, "registrations": [registration for (registration,) in rows]}

    return app


@contextmanager
def served(make: Callable[[str], FastAPI], database: str) -> Iterator[int]:
    """Serve `make(database)` with uvicorn in a separate process, and yield its port.

    It has one worker and no access log.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        # asyncio sets this only on sockets that name IPPROTO_TCP. Otherwise each response waits 40 ms for an ACK.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port = listening.getsockname()[1]
        server = multiprocessing.get_context("spawn").Process(target=_serve, args=(make, database, listening))
        server.start()
    # Now only the server has the socket. If the server dies, a client gets an error at once and does not wait.
    try:
        _first_answer(port)
        yield port
    finally:
        server.terminate()
        server.join()


def _serve(make: Callable[[str], FastAPI], database: str, listening: socket.socket) -> None:
    config = uvicorn.Config(make(database), access_log=False, log_level="warning")
    uvicorn.Server(config).run(sockets=[listening])


def _first_answer(port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request("GET", "/openapi.json")
    client.getresponse().read()
    client.close()
