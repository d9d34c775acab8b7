"""A named result: its runs, then table.csv, table.md, figure.png, figure.svg and the runs' rows in one folder."""

from collections.abc import Sequence
from pathlib import Path

from firsthand.files.atomic import write_bytes
from simulator.config import Experiment
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.rows import ResultTable
from simulator.reproductions.table import as_csv, as_markdown, tabulate, verdicts
from simulator.runs import results


def experiment(reproduction: Reproduction, size: Size, data: str | None) -> Experiment:
    """The runs, on a user's own data where a path is given. Raises ValueError where they take none."""
    if data is None:
        return reproduction.experiment(size)
    if reproduction.on_data is None:
        raise ValueError(f"{reproduction.name} has its own data, and takes none")
    return reproduction.on_data(data, size)


def write(reproduction: Reproduction, size: Size, folders: Sequence[Path], out: Path, command: str) -> ResultTable:
    """Everything that is told of finished runs. Times, positions and ids are in none of it."""
    from simulator.reproductions import figure  # matplotlib takes a second, which a look at the list need not wait for

    table = tabulate(reproduction, [results.read(folder) for folder in folders], reproduction.rounds.get(size, ()))
    write_bytes(out / "table.csv", as_csv(table.rows).encode(), sync=True)
    write_bytes(out / "table.md", _page(reproduction, table, size, command).encode(), sync=True)
    rows = b"".join((folder / results.FILE).read_bytes() for folder in folders)
    write_bytes(out / "rows.jsonl", rows, sync=True)
    with figure.styled():
        drawn = (reproduction.draw or figure.usual(table))(table)
        for name in ("figure.svg", "figure.png"):
            figure.saved(drawn, str(out / name))
    return table


def _times(chains: set[int]) -> str:
    least, most = min(chains), max(chains)
    return "" if most == 1 else f" × {most:,} chains" if least == most else f" × {least:,} to {most:,} chains"


def _page(reproduction: Reproduction, table: ResultTable, size: Size, command: str) -> str:
    chains: dict[int, set[int]] = {}
    for row in table.rows:
        chains.setdefault(row.seeds, set()).add(row.chains)
    sized = " or ".join(f"{seeds} seeds{_times(chains[seeds])}" for seeds in sorted(chains))
    how = f"Mean ± half of the 95 % interval, {sized}"
    compared = reproduction.baseline in table.groups
    how += (
        f"; Δ is the difference from {reproduction.baseline}, paired by seed, its interval over seeds"
        if compared
        else ""
    )
    lines = [
        f"# {reproduction.name}",
        "",
        reproduction.question,
        "",
        f"Source: {reproduction.source}. Size: {size}. `{command}`",
        "",
        how + ".",
        "",
    ]
    answers = reproduction.answer(table) if reproduction.answer else []
    lines += [*(f"- {sentence}" for sentence in (*verdicts(table.rows), *answers)), "", as_markdown(table)]
    return "\n".join(lines)
