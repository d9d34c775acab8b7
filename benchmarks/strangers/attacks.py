"""The attacks: their requests, the key that they use, and the behaviour of the attackers."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.bare.inputs import random_digests
from benchmarks.strangers import hostile_bodies
from benchmarks.strangers.attack_target import AttackTarget
from benchmarks.strangers.behaviours import Behaviour, NumberedRequest, many, read_slowly, repeat, send_slowly
from benchmarks.strangers.raw_http import head, request
from firsthand.core.media_types import ARROW, JSON, PARQUET, RAW

LOOKUPS, REGISTER = "/v1/lookups", "/v1/datasets/local/d/registrations?origin=human"
NO_KEY, WRITE_KEY, WRONG_KEY = "no key", "write key", "wrong key"

#: The number of connections that send half a request, of 16 attackers together.
_HALF_SENT = 900
_ATTACKERS = 16
#: The number of slow connections per attacker.
_SLOW = 8
#: The number of digests in each large body of `bulk`: 8 MB.
_BULK_ITEMS = 250_000

#: A function that prepares the requests of an attack, before the attack begins, in the process of the attackers.
Prepare = Callable[[AttackTarget], NumberedRequest]


@dataclass(frozen=True)
class Attack:
    """A row of the table."""

    name: str
    sender: str
    sends: str
    prepare: Prepare
    behaviour: Behaviour = repeat
    registers_beside: bool = False
    "whether another organization registers items during the attack, as a third probe"


def _random() -> np.random.Generator:
    return np.random.default_rng(0)


def _in_turn(requests: Sequence[bytes]) -> NumberedRequest:
    return lambda number: requests[number % len(requests)]


def _post(path: str, media_type: str, body: bytes, api_key: str | None = None) -> bytes:
    return request("POST", path, f"Content-Type: {media_type}", body=body, api_key=api_key)


def _parquet_look_ups(_: AttackTarget) -> NumberedRequest:
    return _in_turn([_post(LOOKUPS, PARQUET, body) for body in hostile_bodies.forged_parquet(_random())])


def _parquet_registrations(target: AttackTarget) -> NumberedRequest:
    files = hostile_bodies.forged_parquet(_random())
    return _in_turn([_post(REGISTER, PARQUET, body, target.api_key) for body in files])


def _arrow_look_ups(_: AttackTarget) -> NumberedRequest:
    return _in_turn([_post(LOOKUPS, ARROW, body) for body in hostile_bodies.mutated_arrow(_random())])


def _arrow_registrations(target: AttackTarget) -> NumberedRequest:
    streams = hostile_bodies.mutated_arrow(_random())
    return _in_turn([_post(REGISTER, ARROW, body, target.api_key) for body in streams])


def _empty_lists_looked_up(_: AttackTarget) -> NumberedRequest:
    return _in_turn([_post(LOOKUPS, JSON, hostile_bodies.empty_lists(hostile_bodies.JSON_BYTES - 100))])


def _empty_lists_withdrawn(_: AttackTarget) -> NumberedRequest:
    body = hostile_bodies.empty_lists(hostile_bodies.JSON_BYTES - 100)
    return _in_turn([_post(path, JSON, body) for path in ("/v1/withdrawals", "/v1/disputes", "/v1/mixes", "/v1/keys")])


def _empty_lists_registered(target: AttackTarget) -> NumberedRequest:
    body = hostile_bodies.empty_lists(hostile_bodies.BULK_BYTES - 100)
    return _in_turn([_post(REGISTER, JSON, body, target.api_key)])


def _deep_json(_: AttackTarget) -> NumberedRequest:
    size = hostile_bodies.JSON_BYTES - 100
    bodies = (hostile_bodies.deep_lists(size), hostile_bodies.deep_objects(size))
    return _in_turn([_post(LOOKUPS, JSON, body) for body in bodies])


def _half_requests(_: AttackTarget) -> NumberedRequest:
    heads = [b"POST /v1/lookups HTTP/1.1\r\nHost: registry\r\nX-Unfinished: ", b"GET /healthz HTTP/1.1\r\n", b"G"]
    return _in_turn([*heads, _slow_head(LOOKUPS) + b'{"digests": ['])


def _slow_head(path: str, api_key: str | None = None) -> bytes:
    key = () if api_key is None else (f"Authorization: Bearer {api_key}",)
    media_type = f"Content-Type: {RAW if api_key else JSON}"
    return head(f"POST {path} HTTP/1.1", "Host: registry", *key, media_type, "Content-Length: 1000000")


def _slow_look_ups(_: AttackTarget) -> NumberedRequest:
    return _in_turn([_slow_head(LOOKUPS)])


def _slow_registrations(target: AttackTarget) -> NumberedRequest:
    return _in_turn([_slow_head(REGISTER, target.api_key)])


def _wrong_keys(_: AttackTarget) -> NumberedRequest:
    def numbered(number: int) -> bytes:
        return request("GET", "/v1/keys/current", api_key=f"fh_{number:012x}_{'A' * 43}")

    return numbered


def _conflicting_lengths(_: AttackTarget) -> NumberedRequest:
    line, host = f"POST {LOOKUPS} HTTP/1.1", "Host: registry"
    smuggled = b"0\r\n\r\nGET /v1/keys HTTP/1.1\r\nHost: registry\r\n\r\n"
    heads = [
        head(line, host, "Content-Length: 5", "Transfer-Encoding: chunked"),
        head(line, host, "Content-Length: 5", "Content-Length: 50"),
        head(line, host, "Content-Length: 5, 50"),
        head(line, host, "Content-Length: -1"),
        head(line, host, "Content-Length: 99999999999999999999999"),
        head(line, host, "Transfer-Encoding: chunked, identity"),
        head(line, host, "Transfer-Encoding: chunked") + b"fffffffffffffffff\r\n",
        head(line, host, "Connection: Upgrade", "Upgrade: websocket"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ]
    return _in_turn([start + smuggled for start in heads])


def _headers(_: AttackTarget) -> NumberedRequest:
    line, host = "GET /v1/organizations HTTP/1.1", "Host: registry"
    close = "Connection: close"
    heads = [
        head(line, host, close, *[f"X-{number}: a" for number in range(10_000)]),
        head(line, host, close, f"X-Long: {'a' * 1_000_000}"),
        head(line, host, close, f"Authorization: Bearer {'a' * 15_000}"),
        head(line, host, close, "Accept: " + ",".join(f"a/{number};q=0.{number}" for number in range(1_000))),
        head(line, host, close, *[f"X-{number}: a" for number in range(90)]),
    ]
    return _in_turn(heads)


def _parameters(_: AttackTarget) -> NumberedRequest:
    queries = [
        "&".join(f"p{number}=1" for number in range(20_000)),
        "&".join(["cursor=a"] * 900),
        "cursor=" + "a" * 7_000,
        "as_of=" + "9" * 7_000,
        "&".join(f"limit={number}" for number in range(99)),
        "%00" * 2_000,
    ]
    return _in_turn([request("GET", f"/v1/statements?{query}") for query in queries])


def _large_look_ups(target: AttackTarget) -> NumberedRequest:
    return _in_turn([_post(LOOKUPS, RAW, target.digests)])


def _dry_runs(_: AttackTarget) -> NumberedRequest:
    def numbered(number: int) -> bytes:
        parts = [{}] if number % 2 else [{"verdict_in": ["human", "model"], "size": 10}] * 64
        recipe = {"dry_run": True, "seed": number, "shortfall": "shrink", "parts": parts}
        return _post("/v1/mixes", JSON, json.dumps(recipe).encode())

    return numbered


def _stored_mixes(target: AttackTarget) -> NumberedRequest:
    generations = list(range(1_000))

    def numbered(number: int) -> bytes:
        # every second recipe is almost as large as the limit allows
        part = {"share": 0.1, "generation_in": generations} if number % 2 else {"share": 0.1}
        recipe = {"seed": number, "size": 1_000, "shortfall": "shrink", "parts": [part] * 10}
        return _post("/v1/mixes", JSON, json.dumps(recipe).encode(), target.api_key)

    return numbered


def _mix_items(target: AttackTarget) -> NumberedRequest:
    return _in_turn([request("GET", f"/v1/mixes/{target.mix}/digests")])


def _mix_items_with_key(target: AttackTarget) -> NumberedRequest:
    formats = (RAW, ARROW, PARQUET)
    path = f"/v1/mixes/{target.mix}/digests"
    return _in_turn([request("GET", path, f"Accept: {media}", api_key=target.api_key) for media in formats])


def _snapshot_list(_: AttackTarget) -> NumberedRequest:
    return _in_turn([request("GET", "/v1/snapshots")])


def _statistics(_: AttackTarget) -> NumberedRequest:
    paths = ("/v1/statistics?points=100", "/v1/statements?limit=1000", "/v1/datasets?limit=1000", "/openapi.json")
    return _in_turn([request("GET", path) for path in paths])


def _bulk(target: AttackTarget) -> NumberedRequest:
    digests = random_digests(_BULK_ITEMS, _random())
    return _in_turn([_post(REGISTER, RAW, digests.tobytes(), target.api_key)])


#: The attacks, in the order of the table. The last ones store items and mixes, so that the rows before them are not
#: affected.
ATTACKS = (
    Attack("parquet", NO_KEY, "look-ups: Parquet with forged footers", _parquet_look_ups),
    Attack("parquet registered", WRITE_KEY, "registrations: Parquet with forged footers", _parquet_registrations),
    Attack("arrow", NO_KEY, "look-ups: mutated Arrow streams", _arrow_look_ups),
    Attack("empty lists", NO_KEY, "look-ups: 10 MiB of [[],[],…]", _empty_lists_looked_up),
    Attack("empty lists without right", NO_KEY, "withdrawals and others: 10 MiB of [[],[],…]", _empty_lists_withdrawn),
    Attack("empty lists registered", WRITE_KEY, "registrations: 64 MiB of [[],[],…]", _empty_lists_registered),
    Attack("deep json", NO_KEY, "look-ups: 10 MiB of arrays in arrays, objects in objects", _deep_json),
    Attack("half requests", NO_KEY, f"{_HALF_SENT} connections with half a request", _half_requests,
           many(-(-_HALF_SENT // _ATTACKERS), repeat)),
    Attack("slow bodies", NO_KEY, f"look-ups: {_SLOW * _ATTACKERS} bodies at 1 byte/s", _slow_look_ups,
           many(_SLOW, send_slowly)),
    Attack("slow uploads", WRITE_KEY, f"registrations: {_SLOW * _ATTACKERS} bodies at 1 byte/s", _slow_registrations,
           many(_SLOW, send_slowly)),
    Attack("wrong keys", WRONG_KEY, "keys of the right form, each once", _wrong_keys),
    Attack("conflicting lengths", NO_KEY, "two lengths, length and chunks, Upgrade, TLS", _conflicting_lengths),
    Attack("headers", NO_KEY, "10,000 headers, headers of 1 MB", _headers),
    Attack("parameters", NO_KEY, "20,000 parameters, parameters of 7 KB", _parameters),
    Attack("large look-ups", NO_KEY, "look-ups of 100,000 digests", _large_look_ups),
    Attack("dry runs", NO_KEY, "dry runs of mixes of all items", _dry_runs),
    Attack("lists", NO_KEY, "statistics at 100 positions, longest pages", _statistics),
    Attack("snapshot list", NO_KEY, "the list of snapshots", _snapshot_list),
    Attack("slow readers", NO_KEY, f"{_SLOW * _ATTACKERS} readers of a mix at 1 KB/s", _mix_items,
           many(_SLOW, read_slowly)),
    Attack("slow readers with key", WRITE_KEY, f"{_SLOW * _ATTACKERS} readers of a mix at 1 KB/s", _mix_items_with_key,
           many(_SLOW, read_slowly)),
    Attack("arrow registered", WRITE_KEY, "registrations: mutated Arrow streams", _arrow_registrations),
    Attack("stored mixes", WRITE_KEY, "new mixes, every second one with a recipe of 50 KB", _stored_mixes),
    Attack("bulk", WRITE_KEY, "registrations of 250,000 items; another organization registers too", _bulk,
           registers_beside=True),
)  # fmt: skip

BY_NAME = {attack.name: attack for attack in ATTACKS}
