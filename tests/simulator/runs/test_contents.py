"""Digest → content; and who may know where an item truly comes from."""

import ast
import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import simulator
from firsthand.core.digests import to_bytes
from simulator.randomness import generator
from simulator.runs.contents import Contents, digests_of

ITEMS = generator(0, "test items").standard_normal((5, 3, 2))


def test_equal_draws_are_distinct_items(tmp_path: Path) -> None:
    digests = Contents(tmp_path, "run").put("human", 0, np.zeros((100, 1, 1)))
    assert len(set(to_bytes(digests))) == 100


def test_a_digest_names_run_round_role_and_index_before_the_content() -> None:
    expected = hashlib.sha256(b"firsthand item v1\nrun\n7\nmodel\n2\n" + ITEMS[2].astype("<f8").tobytes()).digest()
    assert digests_of(ITEMS, "run", 7, "model")[2].tobytes() == expected


def test_no_runs_items_touch_anothers() -> None:
    ours, theirs = (set(to_bytes(digests_of(ITEMS, run, 1, "model"))) for run in ("a", "b"))
    assert not ours & theirs


def test_digests_give_back_their_items_in_the_order_asked_and_across_batches(tmp_path: Path) -> None:
    contents = Contents(tmp_path, "run")
    first, second = contents.put("human", 0, ITEMS), contents.put("model", 1, -ITEMS)
    mixed = np.stack([second[4], first[0], second[1], first[0]])
    np.testing.assert_array_equal(contents.items(mixed), np.stack([-ITEMS[4], ITEMS[0], -ITEMS[1], ITEMS[0]]))


def test_a_folder_opened_again_holds_the_same_items(tmp_path: Path) -> None:
    digests = Contents(tmp_path, "run").put("model", 1, ITEMS)
    again = Contents(tmp_path, "run")
    again.load("model", 1)
    np.testing.assert_array_equal(again.items(digests), ITEMS)


def test_putting_a_batch_again_after_a_crash_changes_nothing(tmp_path: Path) -> None:
    Contents(tmp_path, "run").put("model", 1, ITEMS)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    Contents(tmp_path, "run").put("model", 1, ITEMS)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.slow
def test_items_of_many_batches_are_found_and_a_batch_more_is_not_sorted_among_all_before(tmp_path: Path) -> None:
    contents, rng = Contents(tmp_path, "r"), np.random.default_rng(0)
    sizes = rng.integers(1, 30, 100)
    batches = [rng.standard_normal((size, 2, 1)) for size in sizes]
    digests = np.concatenate([contents.put("model", t, items) for t, items in enumerate(batches)])
    order = rng.permutation(len(digests))
    assert np.array_equal(contents.items(digests[order]), np.concatenate(batches)[order])
    assert np.array_equal(contents.true_origin(digests[order]).round, np.repeat(np.arange(100), sizes)[order])
    parts = [len(part.keys) for part in contents._sorted]
    assert sum(parts) == len(digests)
    assert all(larger >= 2 * smaller for larger, smaller in pairwise(parts))


def test_an_item_that_was_never_put_is_an_error_and_not_a_guess(tmp_path: Path) -> None:
    contents = Contents(tmp_path, "run")
    contents.put("human", 0, ITEMS)
    with pytest.raises(ValueError, match="selected 1 items that do not belong to this run"):
        contents.items(np.zeros((1, 32), dtype=np.uint8))


def test_the_true_origin_says_human_or_not_and_the_round(tmp_path: Path) -> None:
    contents = Contents(tmp_path, "run")
    human, made = contents.put("human", 0, ITEMS), contents.put("model", 4, -ITEMS)
    origin = contents.true_origin(np.stack([made[0], human[0]]))
    assert (origin.human.tolist(), origin.round.tolist()) == ([False, True], [4, 0])


@pytest.mark.slow
def test_only_metrics_may_read_the_true_origin() -> None:
    """Whoever trains learns of origins from the registry: else a run with a wrong registry would not train wrongly."""
    package = Path(simulator.__file__).parent
    readers = {path.name for path in package.rglob("*.py") if _reads_origin(ast.parse(path.read_text()))}
    assert readers == {"points.py"}


def _reads_origin(tree: ast.AST) -> bool:
    """Whether code reads `true_origin`, or the private fields behind it on another object than `self`."""
    private = {"_origins", "_batches", "_sorted"}
    return any(
        node.attr == "true_origin" or (node.attr in private and getattr(node.value, "id", "") != "self")
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    )


def test_the_check_itself_sees_a_reader() -> None:
    assert _reads_origin(ast.parse("human = contents.true_origin(digests).human"))
    assert _reads_origin(ast.parse("human = contents._origins"))
