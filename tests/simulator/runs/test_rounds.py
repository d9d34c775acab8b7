"""The loop, through a served registry."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from firsthand.client import Client
from firsthand.core.digests import Digests
from firsthand.errors import Refused
from simulator import names, oracles
from simulator.config import Experiment, Run, encode
from simulator.data.corpora import Blobs, Digits, Normal
from simulator.families.base import Items
from simulator.families.gaussian import Gaussian
from simulator.families.gmm import GMM
from simulator.metrics import points
from simulator.regimes import (
    Accumulate,
    AccumulateSubsample,
    Augment,
    Cap,
    Decay,
    Fresh,
    Golden,
    HumanOnly,
    HumanPart,
    Preserve,
    Regime,
    Replace,
)
from simulator.runs import checkpoints, results, rounds, sweeps
from simulator.runs.checkpoints import Plan
from simulator.runs.contents import Contents
from simulator.runs.registry_writer import RunRegistry
from simulator.worlds.base import OriginStatement, RoundBatch, Truthful
from tests.conftest import Registry
from tests.simulator.playing import assert_jointly, play, small

EMPTY = {"contested": 0, "unknown": 0}


def origins(counts: dict[str, Any]) -> tuple[int, dict[str, int]]:
    """How many human, and how many of each generation."""
    assert {name: counts[name] for name in EMPTY} == EMPTY
    return counts["human"], counts["generations"]


@pytest.mark.parametrize(
    ("regime", "trained_on"),
    [
        (Replace(), [(20, {}), (0, {"1": 20}), (0, {"2": 20})]),
        (Accumulate(), [(20, {}), (20, {"1": 20}), (20, {"1": 20, "2": 20})]),
        (Preserve(0.1), [(20, {}), (2, {"1": 18}), (2, {"2": 18})]),
        (Fresh(0.3), [(20, {}), (6, {"1": 14}), (6, {"2": 14})]),
        (HumanOnly(), [(20, {})] * 3),
        (Augment(0.5), [(20, {}), (20, {"1": 10}), (20, {"2": 10})]),
        (HumanPart(0.3), [(20, {}), (6, {}), (6, {})]),
        (HumanPart(0.3, fresh=True), [(20, {}), (6, {}), (6, {})]),
        (Decay(0.5), [(20, {}), (7, {"1": 13}), (3, {"1": 6, "2": 11})]),
        (Golden(), [(20, {}), (12, {"1": 8}), (12, {"2": 8})]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Regime) else "",
)
def test_each_regime_trains_on_the_origins_that_it_says(
    regime: Regime, trained_on: list[tuple[int, dict[str, int]]], tmp_path: Path, client: Client
) -> None:
    rows = play(tmp_path, small(regime), client).rows
    assert rows[0]["mix"] is None
    assert [origins(row["mix"]) for row in rows[1:]] == trained_on


@pytest.mark.parametrize(
    ("regime", "made"),
    [(Augment(0.5, growing=True), [0, 10, 20, 30]), (Cap(0.2), [0, 5, 5, 5])],
    ids=["growing", "cap"],
)
def test_a_regime_that_draws_from_all_generations_takes_as_many_as_it_says(
    regime: Regime, made: list[int], tmp_path: Path, client: Client
) -> None:
    drawn = [origins(row["mix"]) for row in play(tmp_path, small(regime, generations=4), client).rows[1:]]
    assert [human for human, _ in drawn] == [20] * 4
    assert [sum(generations.values()) for _, generations in drawn] == made
    assert len(drawn[3][1]) > 1


@pytest.mark.parametrize("regime", [Preserve(0.1), Fresh(0.3), AccumulateSubsample()], ids=names.label)
def test_if_all_items_are_registered_truthfully_exactly_human_items_count_as_human(
    regime: Regime, tmp_path: Path, client: Client
) -> None:
    rows = play(tmp_path, small(regime, chains=3), client).rows
    assert "true_human_share" not in rows[0]["metrics"]
    for row in rows[1:]:
        assert row["metrics"]["true_human_share"]["mean"] == row["mix"]["human"] / 20
        assert row["metrics"]["true_human_share"]["n"] == 1


def test_a_generation_of_many_times_n_is_registered_and_trained_on_whole_and_measured_as_one_of_n(
    tmp_path: Path, client: Client
) -> None:
    """Fresh draws of a run with n items: recall depends on how many items there are, and so is of the first n."""
    run = Run(GMM(2), Digits(4), Replace(3), n=80, generations=3, world=Truthful(3))
    rows = play(tmp_path, run, client).rows
    assert [origins(row["mix"]) for row in rows[1:]] == [(80, {}), (0, {"1": 240}), (0, {"2": 240})]
    assert [origins(row["registry"]) for row in rows[1:3]] == [(80, {"1": 240}), (80, {"1": 240, "2": 240})]
    samples = np.load(tmp_path / "contents" / "model-0003.items.npy")
    recalls = [points.measure(run.corpus, None, some)["recall"].tolist() for some in (samples[:80], samples)]
    assert recalls[0] == [rows[3]["metrics"]["recall"]["mean"]] != recalls[1]


class Liar(RunRegistry):
    """Registers what its models make as the work of people."""

    def register(self, batch: RoundBatch, digests: Digests, statements: Sequence[OriginStatement]) -> int:
        return super().register(
            batch, digests, [statement._replace(origin="human", provider=None) for statement in statements]
        )


def test_where_the_registry_is_wrong_each_row_says_what_it_held_and_what_was_true(
    tmp_path: Path, client: Client
) -> None:
    checkpoints.save_plan(tmp_path, Plan(encode(small(Accumulate())), "unused", "."))
    line = rounds.RunLoop(tmp_path, checkpoints.load_plan(tmp_path), client)
    line.registry = Liar(client, line.registry.organization, line.run)
    state = line.begin()
    for _ in range(line.run.generations):
        state = line.play_round(state)
    rows = results.read(tmp_path).rows[1:]
    assert [origins(row["mix"]) for row in rows] == [(20, {}), (40, {}), (60, {})]
    assert [row["metrics"]["true_human_share"]["mean"] for row in rows] == pytest.approx([1, 1 / 2, 1 / 3])


def test_accumulate_subsample_trains_on_n_items_of_all_generations(tmp_path: Path, client: Client) -> None:
    last = play(tmp_path, small(AccumulateSubsample(), generations=4), client).rows[-1]["mix"]
    human, made = origins(last)
    assert human + sum(made.values()) == 20
    assert human > 0
    assert set(made) == {"1", "2", "3"}


@pytest.mark.parametrize(("regime", "generations"), [(Replace(), [0, 1, 2, 3]), (HumanOnly(), [0, 1, 1, 1])])
def test_generations_come_back_from_the_registry(
    regime: Regime, generations: list[int], tmp_path: Path, client: Client
) -> None:
    rows = play(tmp_path, small(regime), client).rows
    assert [row["generation"] for row in rows] == generations
    assert not any(row["lower_bound"] for row in rows)


def test_each_row_says_what_the_registry_knows_of_the_runs_own_items(tmp_path: Path, client: Client) -> None:
    play(tmp_path / "other", small(Replace(), seed=9), client)
    rows = play(tmp_path / "ours", small(Replace()), client).rows
    known = [(20, {}), (20, {"1": 20}), (20, {"1": 20, "2": 20}), (20, {"1": 20, "2": 20, "3": 20})]
    assert [origins(row["registry"]) for row in rows] == known


def test_each_round_samples_from_the_model_fitted_to_its_mix(tmp_path: Path, client: Client) -> None:
    """With human data alone and one chain, everything a round does can be done again by hand."""
    run = small(HumanOnly())
    rows = play(tmp_path, run, client).rows
    contents = Contents(tmp_path / "contents", run.id)
    contents.load("human", 0)
    humans = np.load(tmp_path / "contents" / "human-0000.items.npy")
    assert rows[1]["metrics"]["variance"]["mean"] == pytest.approx(humans.var())
    assert rows[2]["metrics"]["mean"]["mean"] == pytest.approx(humans.mean())


def test_the_same_run_in_another_folder_writes_the_same_bytes(tmp_path: Path, client: Client) -> None:
    """The registry answers repeated statements as it did the first time, so a lost folder can be played again."""
    run = Run(GMM(2), Blobs(40), Fresh(0.5), n=40, generations=3, chains=2)
    for name in ("first", "second"):
        play(tmp_path / name, run, client)
    assert (tmp_path / "first" / "results.jsonl").read_bytes() == (tmp_path / "second" / "results.jsonl").read_bytes()


def test_rows_hold_no_times_positions_or_ids_and_events_do(tmp_path: Path, client: Client) -> None:
    row = play(tmp_path, small(Replace()), client).rows[-1]
    assert set(row) == {"round", "generation", "lower_bound", "mix", "registry", "metrics"}
    events = (tmp_path / "events.jsonl").read_text()
    assert all(word in events for word in ('"time"', '"position"', '"mixes"'))


def test_pictures_of_digits_are_kept_for_the_report(tmp_path: Path, client: Client) -> None:
    run = Run(GMM(2), Digits(4), Replace(), n=80, generations=1)
    play(tmp_path, run, client)
    pictures = [np.load(tmp_path / "samples" / f"round-{t:03d}.npy") for t in (0, 1)]
    assert [(images.dtype, images.shape) for images in pictures] == [(np.uint8, (60, 8, 8))] * 2


def test_a_finite_corpus_starts_each_seed_from_its_own_choice_of_items(tmp_path: Path, client: Client) -> None:
    firsts = []
    for seed in (0, 1):
        play(tmp_path / str(seed), Run(GMM(2), Digits(4), Replace(), n=80, generations=1, seed=seed), client)
        firsts.append(np.load(tmp_path / str(seed) / "contents" / "human-0000.items.npy"))
    assert not np.array_equal(*firsts)


def test_a_corpus_that_is_too_small_for_the_run_is_refused(tmp_path: Path, client: Client) -> None:
    with pytest.raises(ValueError, match="20 human items, and the run needs 21"):
        play(tmp_path, small(Replace(), human=21), client)


def test_new_human_data_from_a_finite_corpus_is_refused(tmp_path: Path, client: Client) -> None:
    with pytest.raises(ValueError, match="only 1,797 digits"):
        play(tmp_path, Run(Gaussian(), Digits(4), Fresh(0.1), n=80, generations=2), client)


@dataclass(frozen=True)
class Crooked:
    """A family whose model samples something else than asked."""

    surplus: int = 0
    finite: bool = True

    def fit(self, items: Items, rng: np.random.Generator) -> "Crooked":
        return self

    def sample(self, n: int, rng: np.random.Generator) -> Items:
        return np.full((n + self.surplus, 1, 1), 0.0 if self.finite else np.inf)


@pytest.mark.parametrize(
    ("family", "words"), [(Crooked(surplus=1), r"here \[20, 1, d\]"), (Crooked(finite=False), "not finite")], ids=str
)
def test_a_family_that_samples_nonsense_is_named(family: Crooked, words: str, tmp_path: Path, client: Client) -> None:
    with pytest.raises(ValueError, match=f"Crooked sampled .*{words}"):
        play(tmp_path, Run(family, Normal(20), Replace(), n=20, generations=1), client)


def test_what_the_registry_does_not_hold_for_human_is_not_trained_on(
    tmp_path: Path, registry: Registry, client: Client
) -> None:
    """Origins are known from the registry alone: where another contests the human items, human-only has none left."""
    checkpoints.save_plan(tmp_path, Plan(encode(small(HumanOnly())), "unused", "."))
    line = rounds.RunLoop(tmp_path, checkpoints.load_plan(tmp_path), client)
    state = line.begin()
    dispute = registry.join("others").dispute(state.position, reason="these are not human")
    after = checkpoints.State(dispute.position, state.generations, state.results_bytes)
    assert line.registry.known(after).contested == 20
    with pytest.raises(Refused, match="0"):
        line.play_round(after)


def test_another_process_is_kept_from_playing_the_same_run(tmp_path: Path, client: Client) -> None:
    checkpoints.save_plan(tmp_path, Plan(encode(small(Replace())), "unused", "."))
    with checkpoints.locked(tmp_path), pytest.raises(RuntimeError, match="another process"):
        rounds.play(tmp_path, client)


OWN = """
from dataclasses import dataclass, replace
from simulator.regimes import Replace

@dataclass(frozen=True)
class Own(Replace):
    pass
"""


def test_a_run_is_not_resumed_if_its_own_file_has_changed(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of its rounds would be one experiment's and half another's."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "own.py"
    file.write_text(OWN)
    run = small(names.parse("own.py:Own", names.REGIMES))
    play(tmp_path / "run", run, client)
    file.write_text(OWN + "# changed\n")
    with pytest.raises(ValueError, match=r"own\.py has changed since"):
        rounds.play(tmp_path / "run", client)


def test_a_run_is_not_resumed_if_its_configuration_has_changed(tmp_path: Path, client: Client) -> None:
    play(tmp_path, small(Replace(), seed=3), client)
    plan = checkpoints.load_plan(tmp_path)
    checkpoints.save_plan(tmp_path, replace(plan, config=plan.config | {"seed": 4}))
    with pytest.raises(ValueError, match="has changed since the run began: `seed` was 3, and now it is 4"):
        rounds.play(tmp_path, client)


def test_gaussian_chains_through_the_registry_agree_with_the_exact_formulas(tmp_path: Path, registry: Registry) -> None:
    """E[v_t] and E[μ_t²] of three regimes over 30,000 chains, all rounds jointly at 99 % (Bonferroni).

    Of a fourth too, whose models make three times n items: the first is fitted to n, all others to 3n.

    A standard error above 2 % of its reference would prove nothing, so that fails too.
    """
    n, t, share, times = 20, 6, 0.3, 3
    first, later = oracles.expect_replace(n, 1).variance, oracles.expect_replace(times * n, t - 1).variance
    drawn_anew = first * np.concatenate([[1.0], later])
    expected = {
        "replace": (Replace(), oracles.expect_replace(n, t)),
        "accumulate": (Accumulate(), oracles.expect_accumulate(n, t)),
        "fresh": (Fresh(share), oracles.expect_fresh(n, share, t)),
        "fresh draws": (Replace(times), oracles.Expected(drawn_anew, 1 - drawn_anew)),
    }
    runs = {
        name: small(regime, n=n, generations=t, chains=30_000, seed=seed, world=Truthful(getattr(regime, "times", 1)))
        for seed, (name, (regime, _)) in enumerate(expected.items())
    }
    with Client(registry.url, registry.api_key) as client:
        played = {name: play(tmp_path / name, run, client) for name, run in runs.items()}
    rows = [
        (f"{name} {metric} {index + 1}", reference[index], row["metrics"][metric])
        for name, (_, references) in expected.items()
        for metric, reference in (("variance", references.variance), ("mean_error", references.mean_squared))
        for index, row in enumerate(played[name].rows[1:])
    ]
    assert_jointly(rows, 0.02)


@pytest.mark.parametrize(
    ("regime", "humans", "dimensions"), [(Fresh(0.2), 4, 1), (Fresh(0.2), 4, 2), (Replace(), 0, 1)], ids=str
)
def test_a_biased_gaussian_through_the_registry_agrees_with_the_exact_formulas(
    regime: Regime, humans: int, dimensions: int, tmp_path: Path, client: Client
) -> None:
    """E[v_t] and E[μ_t²] at λ = 0.7 along each axis, over 20,000 chains."""
    bias, n, t = 0.7, 20, 4
    expected = oracles.expect_fresh_biased(humans, n - humans, bias, t)
    settings = {"family": Gaussian(bias=bias), "corpus": Normal(n, dimensions=dimensions), "chains": 20_000}
    rows = play(tmp_path, small(regime, n=n, generations=t, **settings), client).rows[1:]
    assert_jointly(
        [
            (f"{metric} {index + 1}", dimensions * reference[index], row["metrics"][metric])
            for metric, reference in (("variance", expected.variance), ("mean_error", expected.mean_squared))
            for index, row in enumerate(rows)
        ],
        0.02,
    )


def test_a_finished_run_is_not_played_again(tmp_path: Path, registry: Registry, client: Client) -> None:
    run = small(Replace())
    (folder,) = sweeps.plan(Experiment("one", (run,)), tmp_path, registry.url)
    play(folder, run, client)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert sweeps.play([folder], 1, Console(quiet=True)) == []
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before
