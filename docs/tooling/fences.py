"""A Markdown extension that shows the attributes of a code fence as its title.

The tests run the pages (`tests/test_docs.py`). The attributes of a fence control how the tests run its block:

    ```sh terminal=2            this block runs in a second terminal
    ```sh skip="needs Docker"   this block does not run
    ```python file="mine.py"    this block is the file mine.py
    ```output                   this block is the output of the previous block

GitHub ignores everything after the language. `pymdownx.superfences` refuses values without quotes. Therefore this
preprocessor runs first, and replaces the attributes by one attribute `title`.
"""

import re
from collections.abc import Callable

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

#: For each attribute of a fence: a function from the value of the attribute to the title.
TITLES: dict[str, Callable[[str], str]] = {
    "file": lambda path: path,
    "title": lambda title: title,
    "terminal": lambda number: f"Terminal {number}",
    "skip": lambda reason: f"Not run by the tests: {reason}",
}

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<ticks>`{3,}|~{3,})(?P<language>[\w+-]*)[ \t]*(?P<attributes>.*)$")
_ATTRIBUTE = re.compile(r'(?P<name>[a-z]+)=(?:"(?P<quoted>[^"]*)"|(?P<bare>[\w.-]+))\s*')

#: Markdown runs preprocessors in descending order of this number. Line ends are normalized at 30, superfences is at 25.
_PRIORITY = 26


class FenceAttributeError(ValueError):
    """The attributes of a fence cannot be read."""


def fence_title(language: str, attributes: str) -> str | None:
    """Return the title of a fence, or None if it has none.

    Raises FenceAttributeError if an attribute does not have the form NAME=VALUE, or if its name is not in TITLES.
    """
    titles = ["Output"] if language == "output" else []
    position = 0
    while position < len(attributes):
        attribute = _ATTRIBUTE.match(attributes, position)
        if attribute is None or attribute["name"] not in TITLES:
            raise FenceAttributeError(
                f"cannot read {attributes[position:]!r} in the fence ```{language} {attributes}: "
                f'write NAME=VALUE or NAME="VALUE", with a name of {", ".join(sorted(TITLES))}'
            )
        value = attribute["bare"] if attribute["quoted"] is None else attribute["quoted"]
        titles.append(TITLES[attribute["name"]](value))
        position = attribute.end()
    return ", ".join(titles) or None


class FenceTitles(Preprocessor):
    """Replace the attributes of each opening fence by one title."""

    def run(self, lines: list[str]) -> list[str]:
        """Return the lines with rewritten opening fences. Lines inside a fence do not change."""
        rewritten: list[str] = []
        closing: re.Pattern[str] | None = None
        for line in lines:
            if closing is not None:
                if closing.match(line):
                    closing = None
            elif fence := _FENCE.match(line):
                closing = re.compile(rf"^[ \t]*{fence['ticks'][0]}{{{len(fence['ticks'])},}}[ \t]*$")
                if not fence["language"]:
                    rewritten.append(line)
                    continue
                title = fence_title(fence["language"], fence["attributes"].strip())
                language = "text" if fence["language"] == "output" else fence["language"]
                line = f"{fence['indent']}{fence['ticks']}{language}" + (f' title="{title}"' if title else "")
            rewritten.append(line)
        return rewritten


class FenceTitlesExtension(Extension):
    """The Markdown extension that adds the preprocessor."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Add the preprocessor before superfences."""
        md.preprocessors.register(FenceTitles(md), "fence_titles", _PRIORITY)


def makeExtension(**settings: object) -> FenceTitlesExtension:
    """Return the extension. Markdown calls this function by its name, after it has imported the module."""
    return FenceTitlesExtension(**settings)
