"""A mix's items in every form, and what became of them since."""

import json
from typing import Any

import httpx2
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from firsthand import Client, errors
from firsthand.core.digests import from_text, stack, to_bytes, to_text
from firsthand.core.media_types import ARROW, NDJSON, PARQUET, RAW
from firsthand.schemas.mixes import Change, Mix, Part, Recipe
from tests.conftest import Registry, on_both
from tests.factories import digests, model, register


def rows(media: str, content: bytes) -> list[dict[str, Any]]:
    """A file of columns, row by row; digests as bytes."""
    if media == NDJSON:
        lines = [json.loads(line) for line in content.splitlines()]
        return [{**line, "digest": from_text(line["digest"])} for line in lines]
    reader = pa.BufferReader(content)
    table = parquet.read_table(reader) if media == PARQUET else pa.ipc.open_stream(reader).read_all()
    rows_read: list[dict[str, Any]] = table.to_pylist()
    return rows_read


def file_of(client: Client, mix: Mix, media: str) -> bytes:
    return b"".join(client.mix_file(str(mix.id), media))


@on_both
def test_every_form_holds_the_same_items_in_the_same_order(registry: Registry) -> None:
    client = registry.client()
    model(client, "local/m@1", 2)
    register(client, digests(range(40)), "human", sizes=range(40))
    register(client, digests(range(40, 60)), "model", model="local/m@1", dataset="local/out", sizes=range(40, 60))
    register(client, digests(range(60, 70)), "unstated", dataset="local/crawl", sizes=range(60, 70))
    parts = [Part(verdict_in=["human"], size=500), Part(generation_in=[2]), Part(verdict_in=["unknown"])]
    mix = client.create_mix(Recipe(seed=3, unit="size", parts=parts))
    raw = file_of(client, mix, RAW)
    sizes = {digest: size for size, digest in enumerate(to_bytes(digests(range(70))))}
    kinds = [("human", 0)] * mix.parts[0].items + [("model", 2)] * 20 + [("unknown", None)] * 10
    numbers = np.repeat(range(3), [part.items for part in mix.parts]).tolist()
    expected = [
        {"digest": digest, "part": number, "verdict": verdict, "generation": generation, "size": sizes[digest]}
        for digest, number, (verdict, generation) in zip(
            to_bytes(np.frombuffer(raw, dtype=np.uint8).reshape(-1, 32)), numbers, kinds, strict=True
        )
    ]
    for media in (ARROW, PARQUET, NDJSON):
        assert rows(media, file_of(client, mix, media)) == expected, media


def test_a_mix_that_repeats_repeats_in_every_form(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(3)), "human")
    mix = client.create_mix(Recipe(shortfall="repeat", parts=[Part(size=7)]))
    raw = file_of(client, mix, RAW)
    for media in (ARROW, PARQUET, NDJSON):
        assert b"".join(row["digest"] for row in rows(media, file_of(client, mix, media))) == raw


def test_the_form_goes_by_accept_and_the_answer_says_its_position(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(3)), "human")
    mix = client.create_mix(Recipe(parts=[Part()]))
    url = f"{registry.url}/v1/mixes/{mix.id}/digests"
    by_default = httpx2.get(url)
    assert (by_default.headers["Content-Type"], len(by_default.content)) == (RAW, 96)
    assert int(by_default.headers["Firsthand-Position"]) == mix.position
    refused = httpx2.get(url, headers={"Accept": "application/json"})
    assert (refused.status_code, refused.json()["type"]) == (406, "urn:firsthand:problem:not-acceptable")
    assert PARQUET in refused.json()["detail"]


def test_a_mix_of_nothing_is_a_file_of_no_rows(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(3)), "human")
    mix = client.create_mix(Recipe(parts=[Part(verdict_in=["model"])]))
    for media in (RAW, ARROW, PARQUET, NDJSON):
        content = file_of(client, mix, media)
        assert content == b"" if media in (RAW, NDJSON) else rows(media, content) == []


def by_item(changes: list[Change], known: int) -> dict[int, tuple[Any, ...]]:
    """(part, verdict, verdict now, generation now, admitted) by the number of the item."""
    number = {to_text(digest): n for n, digest in enumerate(to_bytes(digests(range(known))))}
    return {
        number[c.digest]: (c.part, c.verdict, c.verdict_now, c.generation_now, c.admitted) for c in changes
    }  # fmt: skip


@on_both
def test_a_diff_lists_items_with_another_verdict_and_items_that_their_part_no_longer_admits(registry: Registry) -> None:
    client, others = registry.client(), registry.join("others")
    model(client, "local/m@1", 2)
    made = register(client, digests(range(0, 10)), "human")
    register(client, digests(range(10, 20)), "human", dataset="local/more")
    register(client, digests(range(20, 30)), "model", model="local/m@1", dataset="local/out")
    only = Part(datasets=["local/texts"])  # whatever its verdict
    mix = client.create_mix(Recipe(parts=[only, Part(verdict_in=["human"]), Part(verdict_in=["model", "contested"])]))
    assert list(client.mix_diff(str(mix.id))) == []
    others.put_dataset("others/d")
    others.put_model("others/m@1", generation=5)
    register(others, digests([1, 11, 21]), "model", model="others/m@1", dataset="others/d")
    claimed_twice = register(client, digests([2]), "human", dataset="local/more")
    client.withdraw(made.id, digests([2, 3]))
    before = claimed_twice.id - 1
    assert by_item(list(client.mix_diff(str(mix.id))), 30) == {
        1: (0, "human", "contested", None, True),
        2: (0, "human", "human", 0, False),  # still human, and no longer by the dataset that the part asks for
        3: (0, "human", "unknown", None, False),
        11: (1, "human", "contested", None, False),
        21: (2, "model", "model", 5, True),
    }
    then = by_item(list(client.mix_diff(str(mix.id), as_of=before)), 30)
    assert (set(then), then[11][-1]) == ({1, 11, 21}, False)
    assert list(client.mix_diff(str(mix.id), as_of=mix.position)) == []


def test_a_diff_is_over_each_item_once_and_across_runs(registry: Registry) -> None:
    client = registry.client()
    pool = np.random.default_rng(0).integers(0, 256, (45_000, 32), dtype=np.uint8)
    made = register(client, pool, "human")
    mix = client.create_mix(Recipe(shortfall="repeat", parts=[Part(size=100_000)]))
    client.withdraw(made.id)
    changes = list(client.mix_diff(str(mix.id)))
    assert sorted(from_text(c.digest) for c in changes) == sorted(to_bytes(pool))
    assert not any(change.admitted for change in changes)
    answer = httpx2.get(f"{registry.url}/v1/mixes/{mix.id}/diff", headers={"Accept": ARROW})
    table = pa.ipc.open_stream(pa.BufferReader(answer.content)).read_all()
    assert table.column_names[:4] == ["digest", "part", "verdict", "generation"]
    assert (stack(table["digest"].to_pylist()) == stack([from_text(c.digest) for c in changes])).all()
    assert table.schema.metadata[b"position"].decode() == answer.headers["Firsthand-Position"]


def test_a_part_that_weights_by_confidence_admits_by_it_in_a_diff(registry: Registry) -> None:
    client = registry.client()
    sure = register(client, digests([0, 1]), "human", confidences=[200, 200])
    register(client, digests([0]), "human", dataset="local/more", confidences=[0])
    register(client, digests([1]), "human", dataset="local/more", confidences=[9])
    mix = client.create_mix(Recipe(parts=[Part(weight="confidence")]))
    client.withdraw(sure.id)
    assert by_item(list(client.mix_diff(str(mix.id))), 2) == {0: (0, "human", "human", 0, False)}


def test_a_diff_with_a_position_before_the_mix_is_refused(registry: Registry) -> None:
    client = registry.client()
    register(client, digests([0]), "human")
    mix = client.create_mix(Recipe(parts=[Part()]))
    with pytest.raises(errors.Refused, match=f"position 1 is before the position of the mix; use {mix.position}"):
        list(client.mix_diff(str(mix.id), as_of=1))
    with pytest.raises(errors.NotFound):
        list(client.mix_diff("0" * 32))
