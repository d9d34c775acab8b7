"""The gate: compare the share of items that models made with limits, and report why items exceed a limit.

`firsthand check` and `firsthand.gate` both use `run`, so they give the same result for the same files.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from firsthand.checking import annotate, check, read_errors
from firsthand.checking.annotate import AnnotateSource
from firsthand.checking.check import CheckedItems
from firsthand.checking.lookup_source import KeptOpen, LookupSource, OpenSource, RegistrySource, SnapshotConfidence
from firsthand.checking.read_errors import ErrorLog, OnError, ReadError
from firsthand.client import Client
from firsthand.core.verdicts import IS_MODEL, VERDICTS, CountUnknown, PolicyName, Share, Verdict
from firsthand.core.verdicts import synthetic_share as share_of
from firsthand.errors import GateRefused, InvalidArgument
from firsthand.files import discover
from firsthand.files.discover import InputFile
from firsthand.files.locations import printable

#: The number of files that the message of a refusal names.
_MOST_FILES_NAMED = 3

_KNOWN = "are known to be models'"

#: The types of data that `gate` accepts: a path or URL, several of them, or a batch of Arrow.
GateData: TypeAlias = str | Path | Sequence[str | Path] | pa.RecordBatch | pa.Table


@dataclass(frozen=True)
class Limits:
    """The limits of a gate, and how unknown items are counted. If a limit is None, it is not checked."""

    #: The limit of the high end of the share, in which unknown and contested items count as made by models.
    max_synthetic: float | None = None
    #: The limit of the low end of the share, in which only items with the verdict model count.
    max_known_synthetic: float | None = None
    unknown: CountUnknown = "model"


@dataclass(frozen=True)
class ItemCounts:
    """The number of items per verdict. `unreadable` of the unknown items are rows or files that cannot be read."""

    counts: Mapping[Verdict, int]
    unreadable: int = 0

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def share(self, unknown: CountUnknown) -> Share:
        """Return the share of items that models made."""
        return share_of(dict(self.counts), unknown, self.unreadable)

    def reasons(self, unknown: CountUnknown) -> dict[str, float]:
        """Return the parts that add up to the high end of the share: a description of the items → their share.

        Parts without items are omitted.
        """
        claimed_by_nobody = self.counts["unknown"] - self.unreadable
        counted = self.total - (claimed_by_nobody if unknown == "ignore" else 0)
        parts = {
            "are unknown": claimed_by_nobody if unknown == "model" else 0,
            "could not be read": self.unreadable,
            "are contested": self.counts["contested"],
            _KNOWN: self.counts["model"],
        }
        return {words: items / counted for words, items in parts.items() if items}


@dataclass(frozen=True)
class FileShare:
    """The share of one file."""

    file: str
    counts: Mapping[Verdict, int]
    #: The number of rows that could not be read, plus 1 if the file could not be read to its end. They count as
    #: unknown.
    unreadable: int
    low: float
    high: float


@dataclass(frozen=True)
class GateResult:
    """The result of a gate: whether the items passed, the share, the counts, and the reasons for a refusal."""

    passed: bool
    #: The low and the high end of the share of items that models made.
    low: float
    high: float
    #: The number of items per verdict.
    counts: Mapping[Verdict, int]
    #: The number of items with the verdict model per generation.
    generations: Mapping[int, int]
    #: One sentence per limit that is exceeded.
    reasons: tuple[str, ...]
    #: The share of each file, the worst file first. Empty for a batch, or if it was not requested.
    by_file: tuple[FileShare, ...]
    #: The numbers of rows and files that could not be read. Each of them is one unknown item.
    unreadable_rows: int
    unreadable_files: int
    #: The first errors: up to 3 per file, and up to 100 in total.
    errors: tuple[ReadError, ...]
    policy: PolicyName
    position: int
    #: How reliable the answers of a snapshot were.
    confidence: SnapshotConfidence

    @property
    def share(self) -> Share:
        """The share of items that models made, which prints as an interval."""
        return Share(self.low, self.high)

    @property
    def total(self) -> int:
        """The number of items."""
        return sum(self.counts.values())

    def raise_if_refused(self) -> None:
        """Raise GateRefused if the items did not pass. The message has the reasons and the worst files."""
        if self.passed:
            return
        worst = [
            f"  {file.file}: {Share(file.low, file.high)}" for file in self.by_file[:_MOST_FILES_NAMED] if file.high > 0
        ]
        raise GateRefused("\n".join([*self.reasons, *(["The worst files:"] if worst else []), *worst]))


@dataclass
class Totals:
    """The sums over all items that were checked until now."""

    by_file: bool
    log: ErrorLog
    counts: Counter[Verdict] = field(default_factory=lambda: Counter(dict.fromkeys(VERDICTS, 0)))
    generations: Counter[int] = field(default_factory=Counter)
    confidence: SnapshotConfidence = field(default_factory=SnapshotConfidence)
    #: The counts of each file: the number of items per verdict, in the order of VERDICTS, then the number of items that
    #: could not be read.
    files: dict[str, list[int]] = field(default_factory=dict)

    def add(self, part: CheckedItems) -> None:
        """Add the counts of more items."""
        answer = part.answer
        self.counts.update(answer.counts())
        generations, items = np.unique(answer.generation[answer.verdict == IS_MODEL], return_counts=True)
        self.generations.update(dict(zip(generations.tolist(), items.tolist(), strict=True)))
        self.confidence += part.confidence
        self.log.add(part.errors)
        if not self.by_file:
            return
        if part.file is not None:
            self._add_to_file(part.file, [*answer.counts().values(), len(part.errors)])
            return
        for name, verdict in zip(part.names or (), answer.verdict.tolist(), strict=True):
            self._add_to_file(name, [*(int(verdict == code) for code in range(len(VERDICTS))), 0])
        for error in part.errors:
            self.files[error.file][-1] += 1

    def _add_to_file(self, file: str, more: Sequence[int]) -> None:
        if not sum(more):
            return
        name = printable(file)
        self.files[name] = [a + b for a, b in zip(self.files.get(name, [0] * len(more)), more, strict=True)]

    def result(self, limits: Limits, policy: PolicyName, position: int) -> GateResult:
        """Compare the share with the limits, and return the result."""
        items = ItemCounts(dict(self.counts), self.log.rows + self.log.files)
        share = items.share(limits.unknown)
        reasons = tuple(_reasons(items, share, limits))
        return GateResult(
            passed=not reasons,
            low=share.low,
            high=share.high,
            counts=items.counts,
            generations=dict(sorted(self.generations.items())),
            reasons=reasons,
            by_file=tuple(sorted(self._file_shares(limits), key=_worst_first(limits))),
            unreadable_rows=self.log.rows,
            unreadable_files=self.log.files,
            errors=tuple(self.log.first),
            policy=policy,
            position=position,
            confidence=self.confidence,
        )

    def _file_shares(self, limits: Limits) -> Iterable[FileShare]:
        for file, (*per_verdict, unreadable) in self.files.items():
            items = ItemCounts(dict(zip(VERDICTS, per_verdict, strict=True)), unreadable)
            share = items.share(limits.unknown)
            yield FileShare(file, items.counts, unreadable, share.low, share.high)


def run(
    files: Sequence[InputFile],
    item_field: str,
    source: LookupSource,
    limits: Limits,
    *,
    policy: PolicyName,
    position: int,
    names: bool = False,
    by_file: bool = False,
    processes: int = 1,
    on_error: OnError = "stop",
    log: ErrorLog | None = None,
    on_items: Callable[[CheckedItems], None] = lambda items: None,
) -> GateResult:
    """Look up all items of the files, and compare the share of model output with the limits.

    `on_items` is called with each group of items when its verdicts arrive. The items have names if `names` is true.
    With `on_error="stop"`, a row or a file that cannot be read raises ContentError (in a worker process:
    FirsthandError).
    """
    totals = Totals(by_file, log or ErrorLog())
    for part in check.check(files, item_field, source, names=names, processes=processes, on_error=on_error):
        totals.add(part)
        on_items(part)
    return totals.result(limits, policy, position)


def gate(
    data: GateData,
    source: AnnotateSource | None = None,
    *,
    max_synthetic: float | None = None,
    max_known_synthetic: float | None = None,
    unknown: CountUnknown = "model",
    field: str = "text",
    whole: bool = False,
    policy: PolicyName | None = None,
    as_of: int | None = None,
    on_error: OnError = "stop",
    errors: Path | str | None = None,
    workers: int = 1,
) -> GateResult:
    """Compare the share of model output in files, or in a batch of Arrow, with limits. Return the result.

    `data` is a path or URL, a list of them (files and folders, read as `firsthand check` reads them), or a RecordBatch
    or Table. `source` is a Client, a Snapshot or a SnapshotSource. By default it is a Client of the configured
    registry. All items are looked up at one position of the log: `as_of`, by default the last position.

    - `max_synthetic` is the limit of the high end of the share, in which unknown and contested items count as model
      output.
    - `max_known_synthetic` is the limit of the low end, in which only items with the verdict model count.
    - `unknown` says how unknown items are counted in the high end: as model output, as human, or not at all.
    - With `on_error="skip"`, rows and files that cannot be read are skipped. Each of them counts as one unknown item.
      It always counts in the high end, whatever `unknown` is. `errors` is a file for these errors. It is written as
      JSON Lines with the fields `file`, `row` and `reason`.
    - `workers` is the number of processes that read the files. The processes are spawned, so a script needs `if
      __name__ == "__main__":`.

    Raises InvalidArgument if there is no limit, or if a limit is not between 0 and 1. Raises ContentError if a file
    cannot be read (with several workers: FirsthandError). Raises the errors of `annotate` and of the client. If the
    items exceed a limit, nothing is raised: call `raise_if_refused()` of the result to stop a pipeline.

    Example: `firsthand.gate("crawl/", max_synthetic=0.3).raise_if_refused()`
    """
    limits = Limits(max_synthetic, max_known_synthetic, unknown)
    _check_limits(limits)
    if errors is not None and on_error == "stop":
        raise InvalidArgument('errors= is used only with on_error="skip"; set on_error="skip", or omit errors=')
    with Client() if source is None else nullcontext(source) as given, read_errors.logging(_path(errors)) as log:
        opened, used_policy, position = _opened(given, policy, as_of)
        if isinstance(data, pa.RecordBatch | pa.Table):
            totals = Totals(by_file=False, log=log)
            totals.add(_checked(data, field, opened, on_error))
            return totals.result(limits, used_policy, position)
        paths = [data] if isinstance(data, str | Path) else data
        return run(
            discover.find(paths, whole=whole, skip=on_error == "skip"),
            field,
            KeptOpen(opened),
            limits,
            policy=used_policy,
            position=position,
            by_file=True,
            processes=workers,
            on_error=on_error,
            log=log,
        )


def _path(path: Path | str | None) -> Path | None:
    return None if path is None else Path(path)


def _check_limits(limits: Limits) -> None:
    given = {"max_synthetic": limits.max_synthetic, "max_known_synthetic": limits.max_known_synthetic}
    for name, limit in given.items():
        if limit is not None and not 0 <= limit <= 1:
            raise InvalidArgument(f"{name} is {limit}; use a number between 0 and 1, such as 0.3 for 30 %")
    if all(limit is None for limit in given.values()):
        raise InvalidArgument("a gate needs a limit: set max_synthetic, max_known_synthetic or both, such as 0.3")


def _opened(source: AnnotateSource, policy: PolicyName | None, as_of: int | None) -> tuple[OpenSource, PolicyName, int]:
    """Return the opened source, its policy and its position. Raises ValueError as `opened_snapshot` does."""
    if isinstance(source, Client):
        position = source.position() if as_of is None else as_of
        return RegistrySource(source, policy or "strict", position), policy or "strict", position
    opened = annotate.opened_snapshot(source, policy, as_of)
    return opened, opened.snapshot.manifest.policy, opened.snapshot.manifest.position


def _checked(batch: Any, item_field: str, source: OpenSource, on_error: OnError) -> CheckedItems:
    """Look up the items of a batch. With `on_error="skip"`, a text that is not UTF-8 has the verdict unknown."""
    column, invalid = annotate.item_column(batch, item_field)
    if invalid and on_error == "stop":
        raise annotate.text_not_utf8(invalid[0], item_field)
    errors = tuple(ReadError("batch", row, "the text is not UTF-8") for row in invalid)
    answer = annotate.look_up(annotate.without(column, invalid), source)
    return CheckedItems(None, None, answer, source.take_confidence(), errors)


def _reasons(items: ItemCounts, share: Share, limits: Limits) -> Iterable[str]:
    """Yield a sentence for each limit that is exceeded."""
    parts = items.reasons(limits.unknown)
    if limits.max_synthetic is not None and share.high > limits.max_synthetic:
        why = "; ".join(f"{percent(part)} {words}" for words, part in parts.items()) or "no item could be counted"
        up_to = _percent_above(share.high, limits.max_synthetic)
        yield f"up to {up_to} may be made by models, and max-synthetic is {100 * limits.max_synthetic:g} %: {why}"
    if limits.max_known_synthetic is not None and share.low > limits.max_known_synthetic:
        known = _percent_above(share.low, limits.max_known_synthetic)
        yield f"{known} {_KNOWN}, and max-known-synthetic is {100 * limits.max_known_synthetic:g} %"


def percent(share: float) -> str:
    """Return a share as a percentage with one digit, such as `12.3 %`.

    A share between 0 and 0.05 % is printed as `less than 0.1 %`, and a share just below 1 as `more than 99.9 %`.
    """
    if 0 < share < 0.0005:
        return "less than 0.1 %"
    return "more than 99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.1f} %"


def _percent_above(share: float, limit: float) -> str:
    """Return a share as a percentage, with enough digits to show that it is above the limit."""
    texts = (f"{100 * share:.{digits}f}" for digits in range(1, 12))
    return next((text for text in texts if float(text) > 100 * limit), f"{100 * share}") + " %"


def _worst_first(limits: Limits) -> Callable[[FileShare], tuple[float, float, int]]:
    """Return the key that sorts files, the worst file first.

    Files are compared by the end of the share that has a limit, then by the other end, then by their number of items.
    """
    by_low = limits.max_synthetic is None and limits.max_known_synthetic is not None

    def key(file: FileShare) -> tuple[float, float, int]:
        first, second = (file.low, file.high) if by_low else (file.high, file.low)
        return -first, -second, -sum(file.counts.values())

    return key
