"""HTTP handlers for snapshots. Only an operator can start a build. The files of a snapshot never change."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response

from firsthand.core.media_types import JSON, RAW
from firsthand.schemas.base import Page
from firsthand.schemas.snapshots import NewSnapshot, Requested, Snapshot, Summary
from service.claims.catalog import Catalog
from service.errors import documented
from service.http.auth import Operator, Reader
from service.http.bodies import SMALL, json_body
from service.http.limits.budgets import BODY_BYTES_PER_UNIT, SpendingOf
from service.http.state import shared
from service.http.transactions import DatabaseOf
from service.snapshots.builds import SnapshotBuilds
from service.snapshots.store import SnapshotStore, subject_at

router = APIRouter(prefix="/v1/snapshots", tags=["snapshots"])

StoreOf = Annotated[SnapshotStore, shared(SnapshotStore)]
SnapshotId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="The id of the snapshot.")]
ShardName = Annotated[
    str, Path(pattern=r"^[0-9a-f]{2}$", description="The first byte of the digests in the file, in hexadecimal.")
]
IfNoneMatch = Annotated[
    str,
    Header(description="The ETag of the file that you already have. If it is still current, the status is 304."),
]

_UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "You already have the current file (If-None-Match). The answer has no body."}
}
_SHARD: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The content of the file.",
        "content": {RAW: {"schema": {"type": "string", "format": "binary"}}},
    }
}
_REQUESTED: dict[int | str, dict[str, Any]] = {200: {"model": Requested}, 202: {"model": Requested}}
#: Seconds that a request waits for a build. A small snapshot is ready in this time. For a large snapshot, the client
#: sends the request again.
_WAIT_SECONDS = 2.0


@router.post("", summary="Build a snapshot", status_code=201, responses=_REQUESTED | documented(400, 413, 415))
def create_snapshot(
    new: Annotated[NewSnapshot, json_body(NewSnapshot, Operator, SMALL)],
    _: Operator,
    database: DatabaseOf,
    catalog: Annotated[Catalog, shared(Catalog)],
    store: StoreOf,
    builds: Annotated[SnapshotBuilds, shared(SnapshotBuilds)],
    response: Response,
) -> Requested:
    """Build a snapshot.

    The status is 201 if the snapshot was built during this request, 200 if it already existed, and 202 if the build is
    still running. After 202, send the same request again later.
    """
    with database.reads() as session:
        view = catalog.view(session, new.as_of)
        subject = subject_at(session, view, new)
    existed = store.has(subject.id)
    ready = existed or builds.ready(view, subject, _WAIT_SECONDS)
    response.status_code = 200 if existed else 201 if ready else 202
    return Requested(id=subject.id, position=view.position, policy=new.policy, bits=new.bits, ready=ready)


@router.get("", summary="List snapshots")
def get_snapshots(_: Reader, store: StoreOf) -> Page[Summary]:
    """List all snapshots that can be downloaded, on one page. The highest position comes first."""
    return Page(items=store.all())


@router.get(
    "/{id}", summary="Get the manifest of a snapshot", response_model=Snapshot, responses=_UNCHANGED | documented(404)
)
def get_snapshot(id: SnapshotId, _: Reader, store: StoreOf, if_none_match: IfNoneMatch = "") -> Response:
    """Get the manifest of a snapshot: its position, its policy, its counts, and the digest of each file."""
    snapshot, content = store.get(id)
    headers = _immutable(snapshot.digest)
    return _unchanged(if_none_match, headers) or Response(content, media_type=JSON, headers=headers)


@router.get(
    "/{id}/shards/{shard}",
    summary="Get a file of a snapshot",
    responses=_SHARD | _UNCHANGED | documented(404),
    response_class=Response,
)
def get_snapshot_shard(
    id: SnapshotId,
    shard: ShardName,
    _: Reader,
    store: StoreOf,
    spending: SpendingOf,
    if_none_match: IfNoneMatch = "",
) -> Response:
    """Get the file with all items whose digests begin with this byte.

    docs/reference/snapshot-format.md describes the format of the file.
    """
    path, digest = store.shard(id, int(shard, 16))
    headers = _immutable(digest)
    unchanged = _unchanged(if_none_match, headers)
    if unchanged is not None:
        return unchanged
    spending.spend(path.stat().st_size / BODY_BYTES_PER_UNIT)
    return Response(path.read_bytes(), media_type=RAW, headers=headers)


def _immutable(digest: str) -> dict[str, str]:
    """Return the headers of a file that never changes. Its digest is the ETag."""
    return {"ETag": f'"{digest}"', "Cache-Control": "public, max-age=31536000, immutable"}


def _unchanged(if_none_match: str, headers: dict[str, str]) -> Response | None:
    """Return the answer 304 if the client already has the file (RFC 9110, section 13.1.2). Otherwise return None."""
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return Response(status_code=304, headers=headers) if tags & {headers["ETag"], "*"} else None
