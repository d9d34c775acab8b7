"""The report page, out of result files in the format that runs write."""

import re
import struct
import subprocess
import sys
import zlib
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy import stats

from simulator.metrics.definitions import describe
from simulator.report import write
from simulator.report.groups import group
from simulator.report.numbers import compact, decimals, rounded, ticks
from simulator.report.page import chosen, table
from simulator.report.story import Story
from simulator.runs.results import append, read, row
from tests.simulator.invented_runs import COURSES, NLL, counts, header, write_invented_run

COMMAND = "firsthand simulate demo --seeds 5"


@pytest.fixture
def demo(tmp_path: Path) -> list[Path]:
    return [write_invented_run(tmp_path / f"{regime}-{seed}", regime, seed) for regime in COURSES for seed in range(5)]


def page_of(folders: Sequence[Path], out: Path) -> str:
    return write(folders, out, command=COMMAND).read_text(encoding="utf-8")


def story_of(folders: Sequence[Path]) -> Story:
    return Story(group([read(folder) for folder in folders]), describe(NLL))


@pytest.mark.slow
def test_the_page_is_one_file_that_asks_nothing_of_the_network_and_runs_no_script(
    demo: list[Path], tmp_path: Path
) -> None:
    page = page_of(demo, tmp_path / "report.html")
    assert "<script" not in page
    assert "@import" not in page
    addresses = re.findall(r'(?:src|href)="([^"]{0,30})|url\(([^)]{0,30})', page)
    assert addresses
    assert all(source.startswith("data:image/png;base64,") for source, _ in addresses)


@pytest.mark.slow
def test_the_first_sentence_says_what_one_sees_and_what_follows(demo: list[Path], tmp_path: Path) -> None:
    page = page_of(demo, tmp_path / "report.html")
    heading = re.search(r"<body>\s*<header>\s*<h1>(.*?)</h1>", page, re.DOTALL)
    assert heading is not None
    assert heading[1] == (
        "Models trained on the output of models forget what human data looks like. "
        "Human data kept in the training mix prevents it."
    )


@pytest.mark.slow
def test_a_remedy_that_still_loses_something_prevents_most_of_it(tmp_path: Path) -> None:
    folders = [
        write_invented_run(tmp_path / f"{r}-{s}", r, s) for r in ("Replace", "Preserve", "HumanOnly") for s in range(5)
    ]
    assert "prevents most of it" in story_of(folders).headline()


@pytest.mark.slow
def test_no_collapse_is_claimed_where_chance_explains_the_numbers(tmp_path: Path) -> None:
    folders = [write_invented_run(tmp_path / f"{r}-{s}", r, s) for r in ("Accumulate", "HumanOnly") for s in range(5)]
    assert story_of(folders).headline() == (
        "After 10 rounds, no regime is shown to be worse than human data alone: every 95 % interval includes 0, or "
        "is on the better side."
    )


@pytest.mark.slow
def test_nothing_is_claimed_from_one_run_of_each(tmp_path: Path) -> None:
    folders = [write_invented_run(tmp_path / regime, regime, 0) for regime in COURSES]
    assert "These runs do not show which differences are due to chance" in page_of(folders, tmp_path / "report.html")


def test_many_chains_of_one_seed_are_compared_by_welchs_interval(tmp_path: Path) -> None:
    values = {"Replace": np.linspace(1.0, 2.0, 40), "HumanOnly": np.linspace(0.0, 0.5, 40)}
    for regime, chains in values.items():
        (tmp_path / regime).mkdir()
        end = append(tmp_path / regime / "results.jsonl", header(regime, 0, chains=40), 0)
        for t, mix in ((0, None), (1, counts(100, {})), (2, counts(0 if regime == "Replace" else 100, {"1": 100}))):
            end = append(
                tmp_path / regime / "results.jsonl", row(t, t, False, mix, counts(100, {}), [{NLL: chains}]), end
            )
    story = story_of([tmp_path / regime for regime in values])
    difference = story.difference(story.groups[0])
    expected = stats.ttest_ind(values["Replace"], values["HumanOnly"], equal_var=False).confidence_interval(0.95)
    assert difference is not None
    assert difference.interval[1:] == pytest.approx((expected.low, expected.high))
    assert story.headline().startswith("Models trained on the output of models forget")


@pytest.mark.slow
def test_without_human_data_alone_each_regime_is_compared_with_its_own_first_round(tmp_path: Path) -> None:
    story = story_of([write_invented_run(tmp_path / str(seed), "Replace", seed) for seed in range(5)])
    assert story.headline().endswith(
        "forget what human data looks like. In these runs, no regime is shown to prevent it."
    )
    assert "in its first round" in story.lead()


@pytest.mark.slow
def test_the_table_gives_the_mean_and_students_interval_of_the_rows(demo: list[Path]) -> None:
    cells = table(story_of(demo))
    values = [read(folder).series(NLL)[10] for folder in demo if folder.name.startswith("Replace")]
    half = stats.t.ppf(0.975, 4) * stats.sem(values)
    cell = next(line for line in cells.rows if line.group.label == "replace").cells[cells.rounds.index(10)]
    printed = [float(number) for number in re.findall(r"[\d.]+", cell)]
    assert printed == pytest.approx([np.mean(values), np.mean(values) - half, np.mean(values) + half], abs=0.006)


@pytest.mark.slow
def test_differences_are_paired_by_seed(demo: list[Path]) -> None:
    theirs = {read(f).seed: read(f).series(NLL)[10] for f in demo if f.name.startswith("Human")}
    differences = [read(f).series(NLL)[10] - theirs[read(f).seed] for f in demo if f.name.startswith("Preserve")]
    mean, half = np.mean(differences), stats.t.ppf(0.975, 4) * stats.sem(differences)
    story = story_of(demo)
    difference = story.difference(next(members for members in story.groups if members.regime == "preserve"))
    assert difference is not None
    assert difference.interval == pytest.approx((mean, mean - half, mean + half))


def test_runs_that_differ_in_more_than_their_seed_are_lines_of_their_own_that_say_so(tmp_path: Path) -> None:
    folders = [
        write_invented_run(tmp_path / f"{r}-{n}", r, 0, n=n) for r in ("Replace", "HumanOnly") for n in (100, 1000)
    ]
    story = story_of(folders)
    labels = [members.label for members in story.groups]
    assert labels == ["replace, n 100", "replace, n 1000", "human-only, n 100", "human-only, n 1000"]
    assert [str(b.label) if (b := story.baseline(members)) else "" for members in story.groups[:2]] == labels[2:]
    assert len({members.slot for members in story.groups}) == 4


def test_runs_that_got_less_far_end_the_comparison_where_all_have_been(tmp_path: Path) -> None:
    folders = [
        write_invented_run(tmp_path / "a", "Replace", 0),
        write_invented_run(tmp_path / "b", "HumanOnly", 0, rounds=4),
    ]
    assert story_of(folders).round == 4


def test_a_run_that_was_stopped_before_its_first_model_is_named_with_what_to_do(tmp_path: Path) -> None:
    """Row 0, the human data, is all that it has, or nothing; a page would have nothing of a model to show."""
    folders = [write_invented_run(tmp_path / str(rounds), "Replace", 0, rounds=rounds) for rounds in (3, 0, -1)]
    for some in (folders[:2], folders[1:2], folders[::2]):
        with pytest.raises(ValueError, match=rf"simulate resume {re.escape(str(some[-1]))}$"):
            write(some, tmp_path / "report.html", command=COMMAND)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.slow
def test_digits_stand_side_by_side_by_regime_and_generation(demo: list[Path], tmp_path: Path) -> None:
    page = page_of(demo, tmp_path / "report.html")
    pictures = re.findall(r'<img class="ink" src="data:image/png;base64,([^"]+)" alt="([^"]+)"', page)
    expected = [
        f"{r}, round {t}" for r in ("replace", "preserve 10 %", "accumulate", "human-only") for t in (0, 1, 2, 5, 10)
    ]
    assert [name for _, name in pictures] == expected


@pytest.mark.slow
def test_a_picture_shows_the_saved_items_pixel_by_pixel(demo: list[Path], tmp_path: Path) -> None:
    page = page_of(demo, tmp_path / "report.html")
    image = re.search(r'base64,([^"]+)" alt="replace, round 5"', page)
    assert image is not None
    opacity = decode(b64decode(image[1]))
    saved = np.load(tmp_path / "Replace-0" / "samples" / "round-005.npy")
    assert opacity.shape == (4 * 9 - 1, 4 * 9 - 1)
    for number in range(16):
        first_row, first_column = 9 * (number // 4), 9 * (number % 4)
        assert (opacity[first_row : first_row + 8, first_column : first_column + 8] == saved[number]).all()


def decode(png: bytes) -> np.ndarray:
    """The opacity of a grey PNG with alpha and no filter; every chunk's checksum is verified."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack(">I", png[at + 8 + length : at + 12 + length]) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        at += 12 + length
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), dtype=np.uint8).reshape(height, 1 + 2 * width)
    assert not rows[:, 0].any()
    return rows[:, 2::2]


@pytest.mark.slow
def test_items_that_are_no_pictures_leave_the_gallery_out(tmp_path: Path) -> None:
    folder = write_invented_run(tmp_path / "run", "Replace", 0)
    for file in (folder / "samples").iterdir():
        file.unlink()
    assert "Items that the models generate" not in page_of([folder], tmp_path / "report.html")


def test_the_page_shows_what_the_registry_knew_by_round_and_generation(tmp_path: Path) -> None:
    folder = write_invented_run(tmp_path / "run", "Replace", 0, rounds=3)
    end = (folder / "results.jsonl").stat().st_size
    known = counts(1000, {"1": 1000, "2": 1000, "3": 1000, "5": 700}, unknown=42)
    append(folder / "results.jsonl", row(4, 5, True, counts(0, {"3": 1000}), known, [{NLL: np.ones(1)}]), end)
    page = page_of([folder], tmp_path / "report.html")
    last = re.findall(r"<tr>(.*?)</tr>", page)[-1]
    cells = [re.sub(r"<[^>]+>", " ", cell).strip() for cell in re.findall(r"<td>(.*?)</td>", last)]
    assert cells == ["4", "≥ 5", "1\u202f000", "3\u202f700 generations 1 to 5", "0", "42"]
    assert "round 4: generation 5, 700" in page


def test_what_was_true_of_a_mix_stands_beside_what_the_registry_held(tmp_path: Path) -> None:
    folder = write_invented_run(tmp_path / "run", "Replace", 0, rounds=2)
    assert "are truly human" not in page_of([folder], tmp_path / "report.html")
    end = (folder / "results.jsonl").stat().st_size
    measured = {NLL: np.ones(1), "true_human_share": np.array([0.125])}
    append(folder / "results.jsonl", row(3, 3, False, counts(300, {"2": 700}), counts(1000, {}), [measured]), end)
    page = page_of([folder], tmp_path / "report.html")
    assert "in items: in round 3, 12.5 % are truly human, and 30 % are human according to the registry" in page
    assert "Truly human share of the training mix" in page


@pytest.mark.slow
def test_every_chart_is_well_formed_and_named(demo: list[Path], tmp_path: Path) -> None:
    page = page_of(demo, tmp_path / "report.html")
    charts = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(charts) == 2 * 2 - 1 + 2 * 4  # the first metric wide and narrow, the other narrow; two a regime
    for chart in charts:
        assert ElementTree.fromstring(chart).get("aria-label")


@pytest.mark.slow
def test_a_figure_stands_beside_the_page_with_a_style_of_its_own(demo: list[Path], tmp_path: Path) -> None:
    write(demo, tmp_path / "report.html", command=COMMAND)
    figure = ElementTree.fromstring((tmp_path / "report.svg").read_text(encoding="utf-8"))
    images = figure.findall(".//{http://www.w3.org/2000/svg}image")
    assert len(images) == 4 * 5
    assert all(image.get("href", "").startswith("data:image/png") for image in images)


def test_names_and_commands_are_text_never_markup(tmp_path: Path) -> None:
    folder = write_invented_run(tmp_path / "run", "Replace", 0, note="<b>&")
    page = write([folder], tmp_path / "report.html", command="simulate run '<script>'").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "<b>&" not in page


@pytest.mark.slow
def test_a_report_needs_no_torch(demo: list[Path], tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from simulator.report import write;"
        "write([Path(sys.argv[1])], Path(sys.argv[2]), command='x'); sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, demo[0], tmp_path / "report.html"], check=True)


@pytest.mark.slow
def test_long_runs_with_wide_ranges_are_drawn_on_a_logarithmic_scale(tmp_path: Path) -> None:
    end = append(tmp_path / "results.jsonl", header("Replace", 0), 0)
    for t in range(301):
        known = counts(100, {str(generation): 10 for generation in range(1, t + 1)})
        measured = {"l2_squared": np.array([0.005 * 1.05**t, 0.01 * 1.05**t])}
        end = append(tmp_path / "results.jsonl", row(t, t, False, known if t else None, known, [measured]), end)
    page = page_of([tmp_path], tmp_path / "report.html")
    assert len(page) < 300_000
    axis = re.findall(r'class="tick" text-anchor="end">([^<]+)<', page)
    assert {"0.01", "1", "100"} < set(axis)


@pytest.mark.parametrize(
    ("last", "rounds"),
    [(10, [0, 1, 2, 5, 10]), (2, [0, 1, 2]), (3, [0, 1, 2, 3]), (1000, [0, 2, 20, 200, 1000])],
)
def test_tables_and_pictures_show_rounds_ever_further_apart(last: int, rounds: list[int]) -> None:
    assert chosen(last, most=5) == rounds


def test_ticks_are_round_numbers_within_the_range() -> None:
    assert ticks(47.2, 81.9) == [50, 60, 70, 80]
    assert ticks(0, 10, whole=True) == [0, 2, 4, 6, 8, 10]
    assert ticks(0, 2, whole=True) == [0, 1, 2]
    assert ticks(0.03, 2000, log=True) == [0.1, 1, 10, 100, 1000]


def test_numbers_have_the_decimals_that_their_interval_deserves() -> None:
    assert rounded(53.614, decimals(52.9, 54.3)) == "53.61"
    assert rounded(71.514, decimals(63.8, 79.2)) == "71.5"
    assert rounded(-0.5, 1, sign=True) == "−0.5"
    assert [compact(value) for value in (12345.6, 0.91234, 0.00001)] == ["12\u202f346", "0.9123", "1.0e−05"]
