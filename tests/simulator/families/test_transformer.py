"""The small GPT: its arithmetic, its training, what it writes, and its runs through a served registry."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.simulator import transformer as bench
from firsthand.client import Client
from simulator.config import Run, encode
from simulator.data.texts import Text
from simulator.families.base import Items, Language, Restores, Storable
from simulator.families.transformer import Transformer, pace
from simulator.families.transformer_network import Generation, TransformerNetwork, TransformerShape
from simulator.randomness import generator
from simulator.regimes import Accumulate, Preserve, Replace
from simulator.runs import checkpoints, rounds
from simulator.runs.checkpoints import Plan, State
from tests.simulator.playing import play

TEXT = Text(vocabulary=300, block=16)
TINY = Transformer(layers=1, heads=2, width=16, steps=4, batch=8, rate=1e-2, vocabulary=300)


def rng(purpose: str = "transformer") -> np.random.Generator:
    return generator(1, purpose)


def network(**settings: Any) -> TransformerNetwork:
    torch_rng = torch.Generator().manual_seed(0)
    shape = TransformerShape(**{"vocabulary": 50, "layers": 2, "heads": 2, "width": 16, "window": 8, **settings})
    made = TransformerNetwork(shape, torch_rng)
    with torch.no_grad():  # larger weights than it begins with, so that everything matters
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch_rng))
    return made


@torch.no_grad()
def logits(made: TransformerNetwork, tokens: Items) -> Tensor:
    output: Tensor = made(torch.tensor(tokens))
    return output


@torch.no_grad()
def test_logits_with_cache_are_those_without_also_beyond_the_window() -> None:
    made, tokens = network(), torch.from_numpy(rng().integers(0, 50, (5, 16)))
    steps = Generation(made, 16)
    cached = [steps.begin(tokens[:, :8]), *(steps.step(tokens[:, column]) for column in range(8, 16))]
    apart = (torch.stack(cached, dim=1) - made(tokens)[:, 7:]).abs().max()
    assert apart < 1e-5 < made(tokens).abs().max()


@torch.no_grad()
def test_rows_that_are_kept_go_on_from_their_own_past() -> None:
    made, tokens = network(), torch.from_numpy(rng().integers(0, 50, (3, 8)))
    steps = Generation(made, 16)
    steps.begin(tokens)
    steps.keep(torch.tensor([2, 0, 2]))
    further = torch.tensor([7, 8, 9])
    whole = torch.cat([tokens[[2, 0, 2]], further[:, None]], dim=1)
    assert torch.allclose(steps.step(further), made(whole)[:, -1], atol=1e-5)


def test_no_token_sees_what_comes_after_it() -> None:
    made, tokens = network(), rng().integers(0, 50, (1, 8))
    other = tokens.copy()
    other[0, 5:] = 0
    assert torch.equal(logits(made, tokens)[0, :5], logits(made, other)[0, :5])
    assert not torch.allclose(logits(made, tokens)[0, 5:], logits(made, other)[0, 5:])


def test_a_layer_sees_its_window_and_nothing_before_it() -> None:
    made, tokens = network(layers=1), rng().integers(0, 50, (1, 12))
    before, within = tokens.copy(), tokens.copy()
    before[0, 3] = (tokens[0, 3] + 1) % 50
    within[0, 4] = (tokens[0, 4] + 1) % 50
    last = logits(made, tokens)[0, 11]
    assert torch.allclose(last, logits(made, before)[0, 11], atol=1e-6)
    assert not torch.allclose(last, logits(made, within)[0, 11], atol=1e-4)


def test_positions_matter_by_their_distance_alone() -> None:
    """Within the window; else what stands behind a block would be at places that training never had."""
    made = network(layers=1)
    tokens = rng().integers(0, 50, (1, 16))
    tokens[0, :8] = tokens[0, 8:]
    assert torch.allclose(logits(made, tokens)[0, 15], logits(made, tokens[:, 8:])[0, 7], atol=1e-5)
    assert not torch.allclose(logits(made, tokens[:, [1, 0, *range(2, 8)]])[0, 7], logits(made, tokens)[0, 7])


def test_weights_are_tied_and_counted() -> None:
    shape = TransformerShape(vocabulary=1024, layers=2, heads=4, width=128, window=64)
    count = sum(parameter.numel() for parameter in TransformerNetwork(shape).parameters())
    assert count == 1024 * 128 + 2 * (12 * 128**2 + 2 * 128) + 128


def pattern(n: int = 64) -> Items:
    """Blocks that count up, each from a place of its own."""
    starts = rng("pattern").integers(0, 20, (n, 1, 1))
    blocks: Items = ((starts + np.arange(8)) % 20).astype(np.uint16)
    return blocks


@pytest.mark.slow
def test_it_learns_what_is_regular_and_writes_on_behind_the_block() -> None:
    family = Transformer(layers=1, heads=2, width=32, steps=150, batch=32, rate=1e-2, vocabulary=20, top_k=1)
    fitted = family.fit(pattern(), rng())
    assert fitted.losses(pattern()).mean() < 0.1
    prompts = fitted.prompts(40, rng())
    made = fitted.sample(40, rng())
    assert made.shape == (40, 1, 8)
    assert made.dtype == np.uint16
    expected = (prompts[:, -1:] + 1 + np.arange(8)) % 20
    assert (made[:, 0, :4] == expected[:, :4]).mean() > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("prompted", [True, False])
def test_prompts_are_blocks_of_the_training_mix_each_once_before_one_comes_again(prompted: bool) -> None:
    items = TEXT.pool(1, 0)[:10]
    fitted = dataclasses.replace(TINY, prompted=prompted).fit(items, rng())
    prompts = fitted.prompts(23, rng())
    own = [block.tobytes() for block in (items[:, 0] if prompted else items[:, 0, :1])]
    assert [prompt.tobytes() in own for prompt in prompts] == [True] * 23
    if prompted:
        assert sorted(np.unique(prompts, axis=0, return_counts=True)[1]) == [2] * 7 + [3] * 3


def test_without_a_block_to_prompt_it_an_item_begins_with_a_first_token_of_the_training_set() -> None:
    items = pattern()
    made = dataclasses.replace(TINY, vocabulary=20, prompted=False).fit(items, rng()).sample(30, rng())
    assert made.shape == (30, 1, 8)
    assert set(made[:, 0, 0]) <= set(items[:, 0, 0])


def test_the_same_randomness_gives_the_same_text_and_other_randomness_other() -> None:
    items = TEXT.pool(1, 0)[:20]
    first, again = (TINY.fit(items, rng()).sample(300, rng("sample")) for _ in range(2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, TINY.fit(items, rng()).sample(300, rng("other")))


def test_beams_write_likelier_text_than_drawing() -> None:
    items = TEXT.pool(1, 0)[:20]
    drawn, searched = (
        (fitted := dataclasses.replace(TINY, beams=beams).fit(items, rng())).losses(fitted.sample(8, rng())).mean()
        for beams in (0, 4)
    )
    assert searched < drawn


def test_a_restored_model_has_the_same_losses_and_samples_nothing() -> None:
    items = TEXT.pool(1, 0)[:20]
    fitted = TINY.fit(items, rng())
    assert isinstance(TINY, Restores)
    assert isinstance(fitted, Storable)
    again = TINY.restore(fitted.arrays())
    assert isinstance(again, Language)
    assert np.array_equal(again.losses(items), fitted.losses(items))
    with pytest.raises(ValueError, match="no training set"):
        again.sample(1, rng())


def test_the_number_of_steps_is_the_setting_or_follows_from_the_epochs() -> None:
    def schedule(**settings: Any) -> Tensor:
        return dataclasses.replace(TINY, **settings).schedule(20, rng())

    assert schedule(steps=7).shape == (7, 8)
    assert schedule(steps=0, epochs=4).shape == (10, 8)
    assert np.bincount(schedule(steps=0, epochs=4).ravel()).tolist() == [4] * 20
    assert schedule(steps=0, epochs=0.1).shape == (1, 8)


def test_the_rate_rises_and_then_falls_to_a_tenth() -> None:
    paces = [pace(step, 100) for step in range(100)]
    assert np.argmax(paces) in (4, 5)
    assert max(paces) == 1
    assert paces[-1] == pytest.approx(0.1, abs=0.01)
    assert pace(0, 1) == 1


@pytest.mark.parametrize(
    "settings",
    [{"layers": 0}, {"width": 18, "heads": 4}, {"rate": 0.0}, {"epochs": 0.0}, {"temperature": 0.0}],
    ids=str,
)
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(settings))} is .+: use "):
        Transformer(**settings)


def test_several_chains_and_strange_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="chains is 2: this family trains one chain at a time"):
        TINY.fit(TEXT.pool(2, 0)[:8], rng())
    with pytest.raises(ValueError, match="vocabulary=400 or more"):
        TINY.fit(np.full((8, 1, 16), 399, dtype=np.uint16), rng())


def test_the_bare_loop_that_training_is_measured_beside_does_the_same_arithmetic() -> None:
    """Same weights, same logits, though written by other means."""
    shape = TransformerShape(vocabulary=30, layers=2, heads=2, width=16, window=8)
    ours, plain = network(**shape._asdict()), bench.PlainTransformer(shape)
    names = ("first.weight", "joined.weight", "out.weight", "second.weight", "up.weight", "down.weight")
    weights = [ours.embedding, *(parameter for layer in ours.layers for parameter in layer.parameters()), ours.norm]
    keys = ["tokens.weight", *(f"layers.{layer}.{name}" for layer in range(2) for name in names), "norm.weight"]
    loaded = plain.load_state_dict(dict(zip(keys, weights, strict=True)), strict=False)
    assert set(loaded.missing_keys) <= {"cos", "sin"}
    tokens = torch.from_numpy(rng().integers(0, 30, (3, 8)))
    assert torch.allclose(plain(tokens), ours(tokens), atol=1e-5)


def test_what_is_timed_without_cache_writes_what_is_written_with_it() -> None:
    made = network(window=bench.BLOCK)
    prompts = torch.from_numpy(rng().integers(0, 50, (3, bench.BLOCK)))
    assert torch.equal(bench.with_cache(made, prompts), bench.without_cache(made, prompts))


def cut_back(folder: Path, before: list[Any]) -> None:
    """Leave the folder as it is after round 1, with half of round 2."""
    lines = (folder / "results.jsonl").read_bytes().splitlines(keepends=True)
    events = map(json.loads, (folder / "events.jsonl").read_text().splitlines())
    position = next(event["position"] for event in events if event.get("round") == 1)
    generations = tuple(row["generation"] for row in before)
    checkpoints.save(folder, State(position, generations[:2], sum(map(len, lines[:3]))))
    (folder / "results.jsonl").write_bytes(b"".join(lines[:3]) + b'{"round": 2, "gen')
    for file in folder.glob("contents/model-0002.*"):
        file.unlink()


def kept(folder: Path) -> dict[str, bytes]:
    """Everything that must be the same again."""
    return {
        file.name: file.read_bytes()
        for pattern in ("results.jsonl", "samples/*", "contents/*")
        for file in sorted(folder.glob(pattern))
    }


def test_a_run_cut_off_in_its_second_round_goes_on_to_the_same_bytes(tmp_path: Path, client: Client) -> None:
    run = Run(TINY, TEXT, Preserve(0.2), n=20, generations=2)
    rows = play(tmp_path, run, client).rows
    through = kept(tmp_path)
    cut_back(tmp_path, rows)
    shutil.rmtree(tmp_path / "samples")
    (tmp_path / "samples").mkdir()
    for name, content in through.items():
        if name.startswith(("round-000", "round-001")):
            (tmp_path / "samples" / name).write_bytes(content)
    play(tmp_path, run, client)
    assert kept(tmp_path) == through
    assert {"perplexity", "rarest_decile_loss", "sample_perplexity", "improbable_share"} <= set(rows[2]["metrics"])


def test_each_rounds_texts_and_their_perplexities_under_the_first_model_are_kept(
    tmp_path: Path, client: Client
) -> None:
    rows = play(tmp_path, Run(TINY, TEXT, Accumulate(), n=20, generations=2), client).rows
    for t in range(3):
        items = np.load(tmp_path / "contents" / f"{'model' if t else 'human'}-{t:04d}.items.npy")
        assert json.loads((tmp_path / "samples" / f"round-{t:03d}.json").read_text()) == TEXT.texts(items[:12])
        perplexities = np.load(tmp_path / "samples" / f"round-{t:03d}.perplexity.npy")
        assert perplexities.shape == (20,)
        if t:
            assert np.exp(np.log(perplexities).mean()) == pytest.approx(rows[t]["metrics"]["sample_perplexity"]["mean"])


def test_what_is_written_is_prompted_by_the_training_mix_alone(tmp_path: Path, client: Client) -> None:
    """In round 2 of replace: by all that round 1 made, and by nothing else."""
    seen: list[Items] = []

    @dataclasses.dataclass(frozen=True)
    class Watched(Transformer):
        def fit(self, items: Any, rng: np.random.Generator) -> Any:
            fitted = super().fit(items, rng)
            seen.append(fitted.prompts(len(items), generator(0, "looked at"))[:, np.newaxis])
            return fitted

    checkpoints.save_plan(tmp_path, Plan(encode(Run(TINY, TEXT, Replace(), n=20, generations=2)), "unused", "."))
    line = rounds.RunLoop(tmp_path, checkpoints.load_plan(tmp_path), client)
    line.run = dataclasses.replace(line.run, family=Watched(**dataclasses.asdict(TINY)))
    state = line.begin()
    for _ in range(2):
        state = line.play_round(state)
    made = np.load(tmp_path / "contents" / "model-0001.items.npy")
    assert {block.tobytes() for block in seen[1]} == {block.tobytes() for block in made}
