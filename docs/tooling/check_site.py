"""Check the built site: all internal links and anchors have a target, and nothing is loaded from another host.

The strict mode of Zensical checks only links and anchors in Markdown. This module checks the built pages, which also
contain images, raw HTML, generated anchors, style sheets and the elements of the theme.

    python -m docs.tooling.check_site site/
"""

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: Attributes with addresses that a browser loads automatically. `a href` is not listed, because a reader clicks it.
_LOADING = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "link": ("href",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}

#: Values of `rel` for which a browser does not load the address of a `link`.
_NAMING = {"canonical", "next", "prev", "alternate", "author", "license", "edit"}

_CSS_ADDRESS = re.compile(r"""url\(\s*["']?(?P<url>[^"')]+)|@import\s+["'](?P<import>[^"']+)""")


@dataclass
class Page(HTMLParser):
    """The anchors, the links, and the automatically loaded addresses of one page."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Initialize the parser, because a dataclass does not call the constructor of its base class."""
        super().__init__()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Collect the addresses of an element."""
        values: Mapping[str, str] = {name: value for name, value in attributes if value is not None}
        self.anchors.update(values[name] for name in ("id", "name") if name in values)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if tag == "link" and values.get("rel") in _NAMING:
            return
        for name in _LOADING.get(tag, ()):
            if name in values:
                # srcset contains addresses with widths, separated by commas
                addresses = values[name].split(",") if name == "srcset" else [values[name]]
                self.loaded.extend(address.split()[0] for address in addresses if address.strip())
        self.loaded.extend(css_addresses(values.get("style", "")))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Collect the addresses of an element without content."""
        self.handle_starttag(tag, attributes)


def css_addresses(css: str) -> list[str]:
    """Return the addresses that a style sheet loads."""
    return [match["url"] or match["import"] for match in _CSS_ADDRESS.finditer(css)]


def read(path: Path) -> Page:
    """Parse the HTML file of a page."""
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def problems(site: Path) -> Iterator[str]:
    """Yield one line per faulty address, with its page: a link without a target, or a file loaded from another host."""
    pages = {path.resolve(): read(path) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        shown = path.relative_to(site.resolve())
        if shown.name == "404.html":
            continue  # it is served at any address, so its links are absolute
        for address in page.loaded:
            yield from (f"{shown}: {problem}" for problem in _problem(path, address, pages, loaded=True))
        for address in page.links:
            yield from (f"{shown}: {problem}" for problem in _problem(path, address, pages, loaded=False))
    for sheet in sorted(site.rglob("*.css")):
        for address in css_addresses(sheet.read_text(encoding="utf-8")):
            if urlsplit(address).netloc:
                yield f"{sheet.relative_to(site)}: loads {address} from another host"


def _problem(path: Path, address: str, pages: Mapping[Path, Page], *, loaded: bool) -> Iterator[str]:
    parts = urlsplit(address)
    if parts.netloc:
        if loaded:
            yield f"loads {address} from another host"
        return
    if parts.scheme:  # data:, mailto:
        return
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    target = target / "index.html" if target.is_dir() else target
    if not target.is_file():
        yield f"{address} leads to no file"
    elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
        yield f"{address} leads to no anchor"


def main(arguments: list[str]) -> int:
    """Print the problems of a site, and return the exit status."""
    site = Path(arguments[0])
    wrong = list(problems(site))
    sys.stdout.writelines(f"{problem}\n" for problem in wrong)
    sys.stdout.write(f"{len(list(site.rglob('*.html')))} pages, {len(wrong)} problems\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
