"""Measure how many of 1,000 texts exact digests still recognize after typical changes.

    python -m benchmarks.registry.digest_recall [--texts 1000]

The texts are paragraphs in English that are part of CPython (help topics, then docstrings of the standard library),
each on one line, as in the rows of a crawl. They are registered under one digest profile in an empty registry. Each
text is then changed and looked up under the same profile. The same version of Python always gives the same texts and
changes.
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
    """Return `texts` distinct paragraphs of at least 200 bytes, each on one line."""
    paragraphs = list(islice(dict.fromkeys(_paragraphs()), texts))
    if len(paragraphs) < texts:
        raise SystemExit(
            f"this Python has only {len(paragraphs):,} paragraphs of {_SHORTEST} bytes or more:"
            f" use --texts {len(paragraphs)}"
        )
    return paragraphs


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
    """Add a line end, as an editor does."""
    return text + "\r\n"


def in_html(text: str, _: np.random.Generator) -> str:
    """Put the text into an HTML page, and extract its paragraph with the white space of the source."""
    return _text_of(_page(text))


def in_html_as_shown(text: str, _: np.random.Generator) -> str:
    """Put the text into an HTML page, and extract its paragraph with collapsed white space, as in a browser."""
    return " ".join(_text_of(_page(text)).split())


def rewrapped(text: str, _: np.random.Generator) -> str:
    return textwrap.fill(text, 72)


def truncated(text: str, _: np.random.Generator) -> str:
    """Keep the first nine tenths of the words."""
    words = text.split(" ")
    return " ".join(words[: len(words) * 9 // 10])


def edited(text: str, random: np.random.Generator) -> str:
    """Replace one word in twenty, but at least one word."""
    words = text.split(" ")
    for index in random.choice(len(words), max(1, len(words) // 20), replace=False):
        words[index] = "perhaps" if words[index] != "perhaps" else "maybe"
    return " ".join(words)


CHANGES: dict[str, Change] = {
    "unchanged": unchanged,
    "a line end added": as_a_file,
    "pasted into HTML, then the HTML source": in_html,
    "pasted into HTML, then the rendered text": in_html_as_shown,
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
    """Collects the text inside of <p>."""

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


def count_recognized(client: Client, texts: list[str], profile: Profile) -> dict[str, int]:
    """Register the texts under a profile. Return, for each change, how many texts are recognized after it."""
    client.put_dataset("local/texts", profile=profile)
    client.register("local/texts", texts, origin="human")
    counts = {}
    for name, change in CHANGES.items():
        random = np.random.default_rng(0)
        digests = stack([digest_text(change(text, random), profile) for text in texts])
        counts[name] = client.lookup(digests).counts()["human"]
    return counts


def table(counts: dict[Profile, dict[str, int]]) -> str:
    """Return the table in Markdown, as in the README."""
    lines = [f"| what happened to the text | {' | '.join(f'`{profile}`' for profile in counts)} |", "|---|---:|---:|"]
    for name in CHANGES:
        lines.append(f"| {name} | {' | '.join(f'{counts[profile][name]:,}' for profile in counts)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.registry.digest_recall",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--texts", type=int, default=1_000, help="number of texts; default: 1000")
    texts = corpus(parser.parse_args(arguments).texts)
    counts: dict[Profile, dict[str, int]] = {}
    for profile in PROFILES:
        # Each profile needs an empty registry, because one line of canonical text has the same digest under both.
        with client_of_empty() as client:
            counts[profile] = count_recognized(client, texts, profile)
    print(
        f"{len(texts):,} texts. SHA-256 of the texts, one per line: {sha256(chr(10).join(texts).encode()).hexdigest()}"
    )
    print(f"Texts that are recognized, of {len(texts):,}, by digest profile:\n")
    print(table(counts))


if __name__ == "__main__":
    main()
