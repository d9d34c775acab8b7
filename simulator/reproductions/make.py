"""Write the files of a named result from its runs: table.csv, table.md, figure.png, figure.svg and rows.jsonl.

The file rows.jsonl has the results of all runs: for each run a header line, then one line per round.
"""

from collections.abc import Sequence
from pathlib import Path

from firsthand.files.atomic import write_bytes
from simulator.config import Experiment
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.rows import ResultTable
from simulator.reproductions.table import tabulate
from simulator.reproductions.table_text import agreement, as_csv, as_markdown
from simulator.runs import results


def experiment(reproduction: Reproduction, size: Size, data: str | None) -> Experiment:
    """Return the runs of a named result in a size: `smoke`, `standard` or `full`.

    If `data` is given, the runs use the user's own data at this path. Raises ValueError if the result cannot use such
    data.
    """
    if data is None:
        return reproduction.experiment(size)
    if reproduction.on_data is None:
        raise ValueError(
            f"the result {reproduction.name} cannot use your own data, only vae-paper and lm-paper. Leave out --data"
        )
    return reproduction.on_data(data, size)


def write(reproduction: Reproduction, size: Size, folders: Sequence[Path], out: Path, command: str) -> ResultTable:
    """Write the files of a result from the folders of its finished runs into the folder `out`. Return its table.

    The files have no times, positions or ids, so the same runs give the same files.
    """
    from simulator.reproductions import figure  # matplotlib takes a second to import

    table = tabulate(reproduction, [results.read(folder) for folder in folders], reproduction.rounds.get(size, ()))
    write_bytes(out / "table.csv", as_csv(table.rows).encode(), sync=True)
    write_bytes(out / "table.md", _markdown_page(reproduction, table, size, command).encode(), sync=True)
    rows = b"".join((folder / results.FILE).read_bytes() for folder in folders)
    write_bytes(out / "rows.jsonl", rows, sync=True)
    with figure.styled():
        drawn = figure.draw(reproduction, table)
        for name in ("figure.svg", "figure.png"):
            figure.save(drawn, str(out / name))
    return table


def conclusions(reproduction: Reproduction, table: ResultTable) -> list[str]:
    """Return the conclusions from a table as sentences.

    First comes the agreement with theory, then the answers of the named result.
    """
    return [*agreement(table.rows), *(reproduction.answer(table) if reproduction.answer else [])]


def caption(reproduction: Reproduction, table: ResultTable) -> str:
    """Return the caption of a table: what its cells mean, and the numbers of seeds and chains."""
    chains: dict[int, set[int]] = {}
    for row in table.rows:
        chains.setdefault(row.seeds, set()).add(row.chains)
    sizes = []
    for seeds in sorted(chains):
        least, most = min(chains[seeds]), max(chains[seeds])
        count = f"{most:,}" if least == most else f"{least:,} to {most:,}"
        sizes.append(f"{seeds} seed{'s' * (seeds > 1)}" + (f" × {count} chains" if most > 1 else ""))
    sentence = f"Mean with 95 % interval over {' or '.join(sizes)}"
    if reproduction.baseline in table.groups:
        sentence += f"; Δ is the difference from {reproduction.baseline}, paired by seed, with its 95 % interval"
    return f"{sentence}."


def _markdown_page(reproduction: Reproduction, table: ResultTable, size: Size, command: str) -> str:
    lines = [
        f"# {reproduction.name}",
        "",
        reproduction.question,
        "",
        f"Source: {reproduction.source}. Size: {size}. `{command}`",
        "",
        caption(reproduction, table),
        "",
        *(f"- {sentence}" for sentence in conclusions(reproduction, table)),
        "",
        as_markdown(table),
    ]
    return "\n".join(lines)
