"""`firsthand mix`: downloads by the file's name, and whether a mix still stands."""

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from firsthand.core.digests import to_bytes
from firsthand.mixes import download
from firsthand.schemas.mixes import Mix, Part, Recipe
from tests.conftest import Registry
from tests.factories import digests, model, register
from tests.firsthand.conftest import Firsthand


@pytest.fixture
def mix(registry: Registry) -> str:
    """Ten human items, whose registration is the first of the dataset `local/texts`."""
    client = registry.client()
    register(client, digests(range(10)), "human")
    register(client, digests(range(10, 12)), "human", dataset="local/more")
    return str(client.create_mix(Recipe(parts=[Part(verdict_in=["human"], datasets=["local/texts"])])).id)


def test_a_mix_is_downloaded_in_the_form_that_the_files_name_asks_for(
    firsthand: Firsthand, mix: str, tmp_path: Path
) -> None:
    for name in ("mix.bin", "mix.txt", "mix.jsonl", "mix.arrow", "mix.parquet"):
        assert "10 items" in firsthand("mix", "download", mix, "--out", tmp_path / name).out
    raw = (tmp_path / "mix.bin").read_bytes()
    assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == firsthand("mix", "show", mix, "--json").json["digest"]
    texts = (tmp_path / "mix.txt").read_text().splitlines()
    lines = [json.loads(line) for line in (tmp_path / "mix.jsonl").read_text().splitlines()]
    assert [line["digest"] for line in lines] == texts
    assert lines[0] == {"digest": texts[0], "part": 0, "verdict": "human", "generation": 0}
    with pa.OSFile(str(tmp_path / "mix.arrow")) as file:
        streamed = pa.ipc.open_stream(file).read_all()
    for table in (streamed, parquet.read_table(tmp_path / "mix.parquet")):
        assert b"".join(table["digest"].to_pylist()) == raw
        assert table["verdict"].to_pylist() == ["human"] * 10


@pytest.mark.parametrize("name", ["mix.bin", "mix.txt", "mix.jsonl", "mix.arrow", "mix.parquet"])
def test_what_arrives_and_is_not_the_mix_leaves_no_file(
    firsthand: Firsthand, mix: str, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Mix.model_validate_json(firsthand("mix", "create", "--part", "dataset=local/more", "--json").out)
    whole = download._pieces
    monkeypatch.setattr(download, "_pieces", lambda client, _mix, suffix: whole(client, other, suffix))
    assert "Download the mix again" in firsthand("mix", "download", mix, "--out", tmp_path / name, status=1).err
    assert [path.name for path in tmp_path.iterdir() if "mix" in path.name] == []


def test_a_diff_exits_with_3_only_where_the_recipe_no_longer_holds(
    firsthand: Firsthand, registry: Registry, mix: str
) -> None:
    client = registry.client()
    model(client, "local/m@1")
    every = str(client.create_mix(Recipe(parts=[Part(datasets=["local/texts"])])).id)
    for name in (mix, every):
        assert "0 of 10 items changed" in firsthand("mix", "diff", name, status=0).out
        assert "the recipe still holds" in firsthand("mix", "diff", name, status=0).out
    made = register(client, digests([4]), "model", model="local/m@1", dataset="local/out")
    item = f"sha256:{to_bytes(digests([4]))[0].hex()}"
    printed = firsthand("mix", "diff", mix, status=3).out.splitlines()
    assert printed[0] == f"{item}: human → contested, no longer selected by part 1"
    assert "1 of 10 items changed" in printed[1]
    assert "no longer holds: 1 item" in printed[2]
    assert f"{item}: human → contested\n" in firsthand("mix", "diff", every, status=0).out
    (change,) = firsthand("mix", "diff", mix, "--json", status=3).lines
    assert change == {
        "digest": item, "part": 0, "verdict": "human", "generation": 0,
        "verdict_now": "contested", "generation_now": None, "admitted": False,
    }  # fmt: skip
    assert firsthand("mix", "diff", mix, "--as-of", made.id - 1, "--json", status=0).out == ""
    assert firsthand("mix", "diff", "0" * 32, status=1).err
