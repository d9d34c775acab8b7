from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from simulator.data.corpora import Corpus, Digits
from simulator.data.images import Idx, Pixels
from simulator.metrics.points import measure
from simulator.report.pictures import sheet
from tests.simulator.idx_files import NAMES, scans, write_folder, write_idx


@pytest.fixture
def idx(tmp_path: Path) -> Idx:
    return Idx(str(write_folder(tmp_path / "scans")), aside=40, known=80)


def test_the_pool_is_the_training_part_as_it_stands_in_the_files(idx: Idx) -> None:
    pool = idx.pool(2, seed=1)
    assert pool.dtype == np.uint8
    assert pool.shape == (120, 2, 784)
    assert np.array_equal(idx.images(pool), scans(120)[0])
    assert np.array_equal(pool[:, 0], pool[:, 1])


def test_what_is_kept_aside_is_of_the_test_part_and_always_the_same(idx: Idx) -> None:
    test = {picture.tobytes() for picture in scans(60)[0].astype(np.float64).reshape(60, -1)}
    aside = [picture.tobytes() for picture in idx.held_out]
    assert len(set(aside)) == 40
    assert set(aside) <= test
    assert np.array_equal(idx.held_out, Idx(idx.folder, aside=40, known=80, recrawl=True).held_out)


def test_classes_go_by_the_labels_of_the_training_part(idx: Idx) -> None:
    points, labels = idx.labelled
    assert points.shape == (80, 784)
    rows = points.reshape(80, 28, 28).mean(axis=2).argmax(axis=1)
    assert rows.tolist() == labels.tolist()


def test_pictures_of_any_size_are_measured_and_drawn(tmp_path: Path) -> None:
    idx = Idx(str(write_folder(tmp_path / "scans", side=12)), aside=40, known=80)
    pool = idx.pool(2, seed=1)
    measured = measure(idx, None, pool)
    assert set(measured) == {"variance", "recall", "precision", "frechet", "classes"}
    assert measured["classes"].tolist() == [10, 10]
    assert sheet(idx.images(pool), 4, 4).shape == (4 * 13 - 1, 4 * 13 - 1)


def test_packed_or_not_and_wherever_it_lies_the_digest_is_the_same(idx: Idx, tmp_path: Path) -> None:
    packed = Idx(str(write_folder(tmp_path / "packed", packed=True)), aside=40, known=80)
    assert packed.digest() == idx.digest()
    assert Idx(idx.folder, aside=41, known=80).digest() != idx.digest()


@pytest.mark.parametrize("name", NAMES)
def test_another_byte_in_any_file_is_another_digest(name: str, idx: Idx, tmp_path: Path) -> None:
    other = write_folder(tmp_path / "other")
    content = bytearray((other / name).read_bytes())
    content[-1] ^= 1
    (other / name).write_bytes(content)
    assert Idx(str(other), aside=40, known=80).digest() != idx.digest()


def test_labels_of_another_data_set_are_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mixed")
    write_idx(folder / NAMES[1], np.zeros(119, dtype=np.uint8))
    with pytest.raises(
        ValueError,
        match="120 images but 119 labels in the files train-…: use the file of images",
    ):
        Idx(str(folder), aside=40, known=80).pool(1, seed=1)


def test_parts_of_different_sizes_are_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "mixed")
    write_idx(folder / NAMES[2], scans(60, side=14)[0])
    with pytest.raises(ValueError, match=r"\(28, 28\) for training and \(14, 14\) for testing"):
        Idx(str(folder), aside=40, known=80).pool(1, seed=1)


def test_more_kept_aside_than_there_is_says_what_to_lower(idx: Idx) -> None:
    with pytest.raises(ValueError, match="has 60 pictures, and 2000 are needed: use a smaller aside or known"):
        Idx(idx.folder, known=80).pool(1, seed=1)


def test_the_digits_as_pixels_are_the_scanned_digits() -> None:
    pixels = Pixels()
    scanned = {np.rint(image * 255 / 16).astype(np.uint8).tobytes() for image in load_digits().images}
    pictures = pixels.images(pixels.pool(2, seed=1))
    assert pictures.shape == (1397, 8, 8)
    assert all(picture.tobytes() in scanned for picture in pictures)


def test_the_same_digits_are_kept_aside_as_in_principal_components() -> None:
    pixels, digits = Pixels(), Digits(components=64)
    as_pixels = digits.images(digits.held_out[:, np.newaxis]).reshape(400, 64)
    assert np.abs(as_pixels - pixels.held_out).max() <= 1  # half a step of grey is rounded either way
    assert np.array_equal(digits.labelled.labels, pixels.labelled.labels)


def test_the_digest_of_the_pixels_is_the_same_on_every_machine() -> None:
    assert Pixels().digest() == "sha256:2f85c7f80b565bac895733f7fa75a3fec1b9a74b690b3ee0c090f9165268b4da"
    assert Pixels(recrawl=True).digest() == Pixels().digest()


@pytest.mark.parametrize("corpus", [Pixels(), Idx("nowhere")], ids=["pixels", "idx"])
def test_these_are_corpora(corpus: Corpus) -> None:
    assert corpus.truth is None


def test_there_are_no_new_pictures_unless_the_same_are_found_again(idx: Idx) -> None:
    with pytest.raises(ValueError, match="only 1,397 pictures: set recrawl=true"):
        Pixels().fresh(10, 1, seed=1, round=1)
    again = Idx(idx.folder, aside=40, known=80, recrawl=True).fresh(120, 2, seed=1, round=3)
    assert again.dtype == np.uint8
    assert again.shape == (120, 2, 784)
    assert {item.tobytes() for item in again} == {item.tobytes() for item in idx.pool(2, seed=1)}


@pytest.mark.parametrize(("kind", "settings"), [(Pixels, {"aside": 0}), (Pixels, {"aside": 1797}), (Idx, {"known": 0})])
def test_impossible_settings_are_refused_before_anything_runs(kind: type, settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=rf"^{next(iter(settings))} is .+: use "):
        kind(**({"folder": "scans"} if kind is Idx else {}), **settings)
