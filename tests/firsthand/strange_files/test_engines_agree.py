"""Ray Data and Hugging Face datasets give the verdicts of `check` on the rows of all strange files.

The rows of all files go through each engine together, as one table per type of Arrow: an engine takes seconds to start.
The engines run in processes of their own.
"""

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from firsthand.errors import ContentError
from tests.conftest import Registry
from tests.firsthand.strange_files import collection
from tests.firsthand.strange_files.collection import in_verdicts, readable, written
from tests.firsthand.strange_files.readers import LETTERS, columns

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]

RAY = """
import json, sys, pyarrow as pa, ray, firsthand
from pathlib import Path

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
source, answers = firsthand.Snapshot.open("known"), {}
for path in sorted(Path("tables").iterdir()):
    table = pa.ipc.open_file(path).read_all()
    if "view" in str(table["text"].type):  # Ray itself refuses views, in words
        table = table.set_column(1, "text", table["text"].cast(str(table["text"].type).removesuffix("_view")))
    rows = ray.data.from_arrow(table)
    annotated = rows.map_batches(firsthand.annotate, batch_format="pyarrow", fn_kwargs={"source": source})
    verdicts = {row["n"]: row["verdict"] for row in annotated.select_columns(["n", "verdict"]).take_all()}
    answers[path.name] = [verdicts[n] for n in range(len(table))]
print(json.dumps(answers))
"""

DATASETS = """
import json, datasets, pyarrow as pa, firsthand
from pathlib import Path

source, answers = firsthand.Snapshot.open("known"), {}
for path in sorted(Path("tables").iterdir()):
    rows = datasets.Dataset(pa.ipc.open_file(path).read_all()).with_format("arrow")
    annotated = rows.map(firsthand.annotate, batched=True, batch_size=50, fn_kwargs={"source": source})
    answers[path.name] = annotated.with_format(None)["verdict"][:]
print(json.dumps(answers))
"""

REFUSALS = """
import json, datasets, pyarrow as pa, ray, firsthand
from pathlib import Path

ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
source, (path,) = firsthand.Snapshot.open("known"), Path("tables").iterdir()
table = pa.ipc.open_file(path).read_all()
words = []
jobs = (
    lambda: ray.data.from_arrow(table).map_batches(
        firsthand.annotate, batch_format="pyarrow", fn_kwargs={"source": source}
    ).take_all(),
    lambda: datasets.Dataset(table).with_format("arrow").map(
        firsthand.annotate, batched=True, fn_kwargs={"source": source}
    ),
)
for job in jobs:
    try:
        words.append(f"no error: {job()}")
    except Exception as error:
        words.append(str(error))
print(json.dumps(words))
"""

CACHE = """
import json, sys, datasets, firsthand

rows = datasets.load_dataset("json", data_files="rows.jsonl", split="train").with_format("arrow")
with firsthand.Client(sys.argv[1], sys.argv[2]) as client:
    annotated = rows.map(firsthand.annotate, batched=True, fn_kwargs={"source": client})
print(json.dumps(annotated.with_format(None)["verdict"][:]))
"""


def run(code: str, folder: Path, *words: str) -> Any:
    """Return what a program prints last, as JSON."""
    (folder / "job.py").write_text(code)
    alone = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder), "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "job.py", *words],
        cwd=folder,
        env=os.environ | alone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def write_table(folder: Path, name: str, column: Any) -> None:
    folder.mkdir(exist_ok=True)
    table = pa.table({"n": range(len(column)), "text": column})
    with pa.ipc.new_file(folder / name, table.schema) as writer:
        writer.write_table(table)


@pytest.mark.parametrize("code", [RAY, DATASETS], ids=["ray", "datasets"])
def test_rows_of_all_files_have_the_verdicts_of_check(code: str, tmp_path: Path) -> None:
    collection.write_known(tmp_path / "known")
    parts: defaultdict[str, list[Any]] = defaultdict(list)
    expected: defaultdict[str, str] = defaultdict(str)
    for file in readable():
        verdicts = in_verdicts(file)
        for column in columns(written(file, tmp_path)):
            name = "".join(letter if letter.isalnum() else "_" for letter in str(column.type))
            parts[name].append(column)
            expected[name] += verdicts[: len(column)]
            verdicts = verdicts[len(column) :]
    for name, chunks in parts.items():
        plain = [chunk.cast(chunk.type.value_type) if pa.types.is_dictionary(chunk.type) else chunk for chunk in chunks]
        column = chunks[0] if len(chunks) == 1 else pa.chunked_array(plain)
        write_table(tmp_path / "tables", name, column)
    answers = run(code, tmp_path)
    assert {name: "".join(LETTERS[verdict] for verdict in verdicts) for name, verdicts in answers.items()} == expected
    assert len(expected) > 5
    assert sum(map(len, expected.values())) > 1_000


def test_engines_refuse_texts_that_are_not_utf8_in_words(tmp_path: Path) -> None:
    collection.write_known(tmp_path / "known")
    write_table(tmp_path / "tables", "invalid", collection.unchecked([b"good", b"caf\xe9"], pa.string()))
    for words in run(REFUSALS, tmp_path):
        assert ContentError.__name__ in words or "row 1 of the batch" in words
        assert "is not UTF-8" in words


def test_datasets_asks_a_registry_again_after_it_has_changed(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(collection.row(collection.M) + "\n")
    client = registry.client()
    assert run(CACHE, tmp_path, registry.url, registry.api_key) == ["unknown"]
    client.put_dataset("local/texts", profile="text-1")
    (registered,) = client.register("local/texts", [collection.M], origin="human")
    assert run(CACHE, tmp_path, registry.url, registry.api_key) == ["human"]
    client.withdraw(registered.id)
    assert run(CACHE, tmp_path, registry.url, registry.api_key) == ["unknown"]
