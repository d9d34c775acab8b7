"""Images through a served registry: the loop, its first model, and what is written where."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firsthand.client import Client
from simulator import report
from simulator.config import Run
from simulator.data.images import Idx, Pixels
from simulator.families.gaussian import Gaussian
from simulator.families.vae import VAE
from simulator.regimes import Crawl, Preserve, Replace
from simulator.runs import checkpoints, results, rounds
from simulator.worlds.commons import Commons
from tests.simulator.idx_files import write_folder
from tests.simulator.playing import play

SMALL = VAE(steps=20)


def test_a_run_that_lost_its_last_round_goes_on_by_its_first_model_to_the_same_bytes(
    tmp_path: Path, client: Client
) -> None:
    run = Run(SMALL, Pixels(), Preserve(0.1), n=100, generations=3, chains=2)
    played = play(tmp_path, run, client)
    whole = (tmp_path / results.FILE).read_bytes()
    lines = whole.splitlines(keepends=True)
    positions = [event["position"] for event in played_events(tmp_path) if event["event"] == "round"]
    checkpoints.save(tmp_path, checkpoints.State(positions[1], (0, 1), sum(map(len, lines[:3]))))
    rounds.play(tmp_path, client)
    assert (tmp_path / results.FILE).read_bytes() == whole
    assert {"latent_std", "latent_mean", "held_out_elbo"} <= set(played.rows[1]["metrics"])
    assert all(row["metrics"]["latent_std"]["n"] == 2 for row in played.rows[1:])


def played_events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def test_items_are_bytes_in_the_run_and_pictures_in_the_report(tmp_path: Path, client: Client) -> None:
    play(tmp_path / "run", Run(SMALL, Pixels(), Replace(), n=100, generations=1), client)
    items = np.load(tmp_path / "run" / "contents" / "model-0001.items.npy")
    pictures = np.load(tmp_path / "run" / "samples" / "round-001.npy")
    assert (items.dtype, items.shape) == (np.uint8, (100, 1, 64))
    assert np.array_equal(pictures.reshape(60, 64), items[:60, 0])
    page = report.write([tmp_path / "run"], tmp_path / "report.html", command="again").read_text()
    assert page.count("data:image/png") == 2
    assert "Spread of codes" in page


def test_the_papers_network_runs_on_mnists_own_files(tmp_path: Path, client: Client) -> None:
    corpus = Idx(str(write_folder(tmp_path / "scans")), aside=20, known=40)
    played = play(
        tmp_path / "run", Run(VAE("paper", epochs=1, batch=20), corpus, Replace(), n=40, generations=2), client
    )
    assert "latent_std" in played.rows[2]["metrics"]
    assert np.load(tmp_path / "run" / "samples" / "round-002.npy").shape == (40, 28, 28)
    report.write([tmp_path / "run"], tmp_path / "report.html", command="again")


def test_a_commons_crawls_the_same_pictures_again(tmp_path: Path, client: Client) -> None:
    world = Commons(human=0.5, registered=0.0)
    run = Run(SMALL, Pixels(recrawl=True), Crawl(), n=60, generations=2, world=world)
    rows = play(tmp_path / "run", run, client).rows
    items = np.load(tmp_path / "run" / "contents" / "human-0002.items.npy")
    pool = {item.tobytes() for item in Pixels().pool(1, seed=0)}
    assert {item.tobytes() for item in items} <= pool
    assert 0 < rows[2]["metrics"]["true_human_share"]["mean"] < 1


def test_a_family_whose_samples_would_be_cut_to_bytes_is_refused(tmp_path: Path, client: Client) -> None:
    with pytest.raises(
        ValueError, match="sampled items of type float64; they must have the type of the human data, uint8"
    ):
        play(tmp_path, Run(Gaussian(), Pixels(), Replace(), n=100, generations=1), client)
