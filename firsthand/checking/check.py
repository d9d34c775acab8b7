"""What `firsthand check` does with the user's own files: every item asked about, file by file, in several processes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from firsthand.checking import process_pool
from firsthand.checking.lookup_source import Desk, Doubts, Question
from firsthand.checking.process_pool import Work
from firsthand.files import discover
from firsthand.files.discover import Files, Source
from firsthand.files.inputs import hash_both
from firsthand.http.lookup_result import Lookup


@dataclass(frozen=True)
class Answered:
    """Some items of the user's, in order, and what is known of them."""

    #: What each is called; None where nobody wants to know.
    names: Sequence[str] | None
    answer: Lookup
    doubts: Doubts


def check(
    found: Sequence[Source], field: str, question: Question, *, names: bool = True, processes: int = 1
) -> Iterator[Answered]:
    """Every item of the files, in their order, all asked at the question's position. Raises ContentError."""
    setup = partial(_checking, question, field, names)
    return process_pool.run(setup, shared(found, processes), processes, name_of)


def shared(found: Sequence[Source], processes: int) -> list[list[Source]]:
    """The files in order, as tasks of some size, and enough of them for every process."""
    most = discover.BATCH if processes == 1 else max(1, min(discover.BATCH, len(found) // (4 * processes)))
    return list(discover.groups(found, most))


def name_of(files: Sequence[Source]) -> str:
    """What a task is called in an error."""
    more = f" and {len(files) - 1} files after it" if len(files) > 1 else ""
    return f"{files[0].path}{more}"


@contextmanager
def _checking(question: Question, field: str, names: bool) -> Iterator[Work[list[Source], Answered]]:
    with question.opened() as desk:
        yield partial(_check, desk, field, names)


def _check(desk: Desk, field: str, names: bool, files: list[Source]) -> Iterator[Answered]:
    table = files[0].table
    if table is None:
        asking = desk.asking()
        answer = asking.lookup_joined(hash_both(Files(files)))
        yield Answered([str(file.path) for file in files] if names else None, answer, Doubts.of(asking))
        return
    from firsthand.checking.annotate import look_up  # pyarrow only for who has tables

    for rows in table.read(files[0].path, field):
        asking = desk.asking()
        answer = look_up(rows.items, asking)
        called = [discover.row_name(files[0], number) for number in rows.numbers] if names else None
        yield Answered(called, answer, Doubts.of(asking))
