"""What exact digests miss: how many of 1,000 texts are still found after what happens to texts on their way.

    python -m benchmarks.registry.digest_recall [--texts 1000]

The texts are paragraphs of the English that CPython carries (its topics, then the docstrings of its library), each on
one line, as a crawl's rows have them. They are registered under one digest profile in an empty registry; each is then
changed, and asked of it under that profile. The same Python gives the same texts and the same changes.
"""

import argparse
import ast
import html
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from hashlib import sha256
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path
from pydoc_data import topics
from typing import TypeAlias

import numpy as np

from benchmarks.harness.served_registry import client_of_empty
from firsthand import Client
from firsthand.core.digests import PROFILES, Profile, digest_text, stack

_SHORTEST = 200

Change: TypeAlias = Callable[[str, np.random.Generator], str]


def corpus(texts: int) -> list[str]:
    """So many distinct paragraphs of at least 200 bytes, each on one line."""
    found = list(islice(dict.fromkeys(_paragraphs()), texts))
    if len(found) < texts:
        raise SystemExit(f"this Python carries {len(found):,} paragraphs of {_SHORTEST} bytes; ask for as many")
    return found


def _paragraphs() -> Iterator[str]:
    for text in _texts():
        for paragraph in text.split("\n\n"):
            line = " ".join(paragraph.split())
            if len(line.encode()) >= _SHORTEST:
                yield line


def _texts() -> Iterator[str]:
    yield from (topics.topics[name] for name in sorted(topics.topics))
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield ast.get_docstring(node) or ""


def unchanged(text: str, _: np.random.Generator) -> str:
    return text


def as_a_file(text: str, _: np.random.Generator) -> str:
    """As an editor leaves it: with a line end."""
    return text + "\r\n"


def in_html(text: str, _: np.random.Generator) -> str:
    """Pasted into a page; then the text of its paragraph, as it stands in the source."""
    return _text_of(_page(text))


def in_html_as_shown(text: str, _: np.random.Generator) -> str:
    """Pasted into a page; then the text of its paragraph as a browser shows it: white space run together."""
    return " ".join(_text_of(_page(text)).split())


def rewrapped(text: str, _: np.random.Generator) -> str:
    return textwrap.fill(text, 72)


def truncated(text: str, _: np.random.Generator) -> str:
    """The first nine tenths of its words."""
    words = text.split(" ")
    return " ".join(words[: len(words) * 9 // 10])


def edited(text: str, random: np.random.Generator) -> str:
    """One word in twenty, and one at least, is another."""
    words = text.split(" ")
    for place in random.choice(len(words), max(1, len(words) // 20), replace=False):
        words[place] = "perhaps" if words[place] != "perhaps" else "maybe"
    return " ".join(words)


CHANGES: dict[str, Change] = {
    "unchanged": unchanged,
    "a line end added": as_a_file,
    "pasted into HTML, extracted as it stands": in_html,
    "pasted into HTML, extracted as it is shown": in_html_as_shown,
    "re-wrapped to 72 columns": rewrapped,
    "truncated to nine tenths": truncated,
    "5 % of the words edited": edited,
}


def _page(text: str) -> str:
    return f"""<!doctype html>
<html lang="en"><head><title>A page</title></head>
<body><nav>Home</nav>
  <p>
    {html.escape(text)}
  </p>
<footer>The end.</footer></body></html>"""


class _Paragraph(HTMLParser):
    """Gathers the text inside of <p>."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.text = False, ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.inside = self.inside or tag == "p"

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "p"

    def handle_data(self, data: str) -> None:
        self.text += data if self.inside else ""


def _text_of(page: str) -> str:
    paragraph = _Paragraph()
    paragraph.feed(page)
    paragraph.close()
    return paragraph.text


def found(client: Client, texts: list[str], profile: Profile) -> dict[str, int]:
    """Of the texts, registered under a profile: how many are found again after each change."""
    client.put_dataset("local/texts", profile=profile)
    client.register("local/texts", texts, origin="human")
    counts = {}
    for name, change in CHANGES.items():
        random = np.random.default_rng(0)
        asked = stack([digest_text(change(text, random), profile) for text in texts])
        counts[name] = client.lookup(asked).counts()["human"]
    return counts


def table(counts: dict[Profile, dict[str, int]]) -> str:
    """As the README shows it."""
    lines = [f"| what happened to the text | {' | '.join(f'`{profile}`' for profile in counts)} |", "|---|---:|---:|"]
    for name in CHANGES:
        lines.append(f"| {name} | {' | '.join(f'{counts[profile][name]:,}' for profile in counts)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=1_000)
    texts = corpus(parser.parse_args(arguments).texts)
    counts: dict[Profile, dict[str, int]] = {}
    for profile in PROFILES:
        with (
            client_of_empty() as client
        ):  # an empty registry each: one line of canonical text has one digest under both
            counts[profile] = found(client, texts, profile)
    print(f"{len(texts):,} texts, SHA-256 of all, a line each: {sha256(chr(10).join(texts).encode()).hexdigest()}")
    print(f"found again, of {len(texts):,}, by digest profile:\n")
    print(table(counts))


if __name__ == "__main__":
    main()
