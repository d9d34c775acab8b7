"""`firsthand.annotate` on engines that share the work among processes. Each runs in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.factories import TEXTS, write_snapshot

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]

RAY = """
import json, os, time, pyarrow as pa, ray, firsthand
from pathlib import Path

def annotate(batch, source, started):
    # wait for the other worker: else one might take all batches before the other has started
    (started / str(os.getpid())).touch()
    while len(list(started.iterdir())) < 2:
        time.sleep(0.01)
    annotated = firsthand.annotate(batch, source)
    return annotated.append_column("process", pa.array([os.getpid()] * len(annotated)))

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
started = Path("started").absolute()
started.mkdir()
given = {"source": firsthand.Snapshot.open("snapshot"), "started": started}
pages = ray.data.read_parquet("pages").repartition(8)
annotated = pages.map_batches(annotate, batch_format="pyarrow", fn_kwargs=given, concurrency=2).to_pandas()
print(json.dumps([annotated.groupby("verdict").size().to_dict(), annotated["process"].nunique()]))
"""

DATASETS = """
import json, datasets, firsthand

if __name__ == "__main__":
    snapshot = firsthand.Snapshot.open("snapshot")
    pages = datasets.load_dataset("parquet", data_files="pages/*.parquet", split="train").with_format("arrow")
    annotated = pages.map(firsthand.annotate, batched=True, batch_size=50, num_proc=2, fn_kwargs={"source": snapshot})
    frame = annotated.with_format("pandas")[:]
    print(json.dumps([frame.groupby("verdict").size().to_dict(), frame["generation"].sum().item()]))
"""

EACH = dict.fromkeys(("contested", "human", "model", "unknown"), 200)


def run(code: str, folder: Path) -> Any:
    """What a program prints last, as JSON; beside a snapshot and 800 pages in 8 files."""
    write_snapshot(folder / "snapshot")
    (folder / "pages").mkdir()
    for number in range(8):
        pq.write_table(pa.table({"text": TEXTS * 25}), folder / "pages" / f"{number}.parquet")
    (folder / "job.py").write_text(code)
    alone = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder), "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, "job.py"], cwd=folder, env=os.environ | alone, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def test_two_workers_of_ray_share_a_snapshot(tmp_path: Path) -> None:
    counts, processes = run(RAY, tmp_path)
    assert counts == EACH
    assert processes == 2


def test_two_processes_of_datasets_share_a_snapshot(tmp_path: Path) -> None:
    counts, generations = run(DATASETS, tmp_path)
    assert counts == EACH
    assert generations == 2 * 200
