"""The first model of a run of text, as what judges all later text."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from firsthand.client import Client
from simulator.config import Run
from simulator.data.texts import Text
from simulator.families.base import Floats, Items
from simulator.families.ngram import Bigrams, NGram
from simulator.regimes import Replace
from tests.simulator.playing import play


def test_each_rounds_items_are_judged_once_and_so_are_the_blocks_kept_aside(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged, losses = Counter[bytes](), Bigrams.losses

    def counted(self: Bigrams, blocks: Items) -> Floats:
        judged[blocks.tobytes()] += 1
        return losses(self, blocks)

    monkeypatch.setattr(Bigrams, "losses", counted)
    run = Run(NGram(2, 0.1, 300), Text(vocabulary=300, block=16), Replace(), n=20, generations=3, chains=2)
    play(tmp_path, run, client)
    items = [np.load(file) for file in sorted((tmp_path / "contents").glob("*.items.npy"))]
    assert [judged.pop(item.tobytes()) for item in items] == [1] * 4
    assert list(judged.values()) == [4]  # the blocks kept aside: by each round's model, and by the first as a judge
    written = np.load(tmp_path / "samples" / "round-003.perplexity.npy")
    first = NGram(2, 0.1, 300).fit(items[0][:, :1], np.random.default_rng())
    assert isinstance(first, Bigrams)
    assert written == pytest.approx(np.exp(losses(first, items[-1][:, :1]).mean(axis=(1, 2))))
