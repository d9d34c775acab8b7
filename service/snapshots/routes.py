"""Snapshots over HTTP: built when an administrator asks, then files that never change."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request, Response

from firsthand.schemas.base import Page
from firsthand.schemas.snapshots import NewSnapshot, Requested, Snapshot, Summary
from service.errors import documented
from service.http.dependencies import Admin, CatalogOf, DatabaseOf, Reader
from service.snapshots.builds import Builds
from service.snapshots.store import Store, subject_at

router = APIRouter(prefix="/v1/snapshots", tags=["snapshots"])

SnapshotId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
ShardName = Annotated[str, Path(pattern=r"^[0-9a-f]{2}$", description="The first byte of its digests.")]
IfNoneMatch = Annotated[str, Header(description="The ETag of what the caller has: 304 where nothing else is there.")]

_RAW = "application/octet-stream"
_UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "The caller has it: If-None-Match."}}
_SHARD: dict[int | str, dict[str, Any]] = {
    200: {"description": "One file.", "content": {_RAW: {"schema": {"type": "string", "format": "binary"}}}}
}
_ASKED: dict[int | str, dict[str, Any]] = {200: {"model": Requested}, 202: {"model": Requested}}
#: A small snapshot is ready within this; of a large one the caller asks again.
_WAIT_SECONDS = 2.0


def _store(request: Request) -> Store:
    return request.app.state.snapshots  # type: ignore[no-any-return]


def _builds(request: Request) -> Builds:
    return request.app.state.snapshot_builds  # type: ignore[no-any-return]


StoreOf = Annotated[Store, Depends(_store)]
BuildsOf = Annotated[Builds, Depends(_builds)]


@router.post("", status_code=201, responses=_ASKED | documented(400, 413, 415))
def create_snapshot(
    new: NewSnapshot,
    _: Admin,
    database: DatabaseOf,
    catalog: CatalogOf,
    store: StoreOf,
    builds: BuildsOf,
    response: Response,
) -> Requested:
    """Have a snapshot built: 201 when it is ready, 200 if it was before, 202 while it is being built (ask again)."""
    with database.reads() as session:
        view = catalog.view(session, new.as_of)
        subject = subject_at(session, view, new)
    there = store.has(subject.id)
    ready = there or builds.ready(view, subject, _WAIT_SECONDS)
    response.status_code = 200 if there else 201 if ready else 202
    return Requested(id=subject.id, position=view.position, policy=new.policy, bits=new.bits, ready=ready)


@router.get("")
def get_snapshots(_: Reader, store: StoreOf) -> Page[Summary]:
    """The snapshots that can be pulled, that of the highest position first, on one page."""
    return Page(items=store.all())


@router.get("/{id}", response_model=Snapshot, responses=_UNCHANGED | documented(404))
def get_snapshot(id: SnapshotId, _: Reader, store: StoreOf, if_none_match: IfNoneMatch = "") -> Response:
    """A snapshot's manifest: position, policy, counts, and the digest of each of its files."""
    known, content = store.get(id)
    headers = _for_ever(known.digest)
    return _unchanged(if_none_match, headers) or Response(content, media_type="application/json", headers=headers)


@router.get("/{id}/shards/{shard}", responses=_SHARD | _UNCHANGED | documented(404), response_class=Response)
def get_snapshot_shard(
    id: SnapshotId, shard: ShardName, _: Reader, store: StoreOf, if_none_match: IfNoneMatch = ""
) -> Response:
    """The file of all items whose digests begin with this byte; docs/snapshots.md describes it."""
    path, digest = store.shard(id, int(shard, 16))
    headers = _for_ever(digest)
    return _unchanged(if_none_match, headers) or Response(path.read_bytes(), media_type=_RAW, headers=headers)


def _for_ever(digest: str) -> dict[str, str]:
    return {"ETag": f'"{digest}"', "Cache-Control": "public, max-age=31536000, immutable"}


def _unchanged(if_none_match: str, headers: dict[str, str]) -> Response | None:
    """304 where the caller has it already (RFC 9110, section 13.1.2)."""
    named = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return Response(status_code=304, headers=headers) if named & {headers["ETag"], "*"} else None
