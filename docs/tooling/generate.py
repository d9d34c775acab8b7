"""Write the generated parts of the pages, and of the site's navigation, from the code.

A generated part is between two comments, `<!-- generated: NAME -->` and `<!-- end -->` (in zensical.toml:
`# generated: NAME` and `# end`). The text around it is written by hand. `PARTS` maps each name to the function that
generates the part. Run this module after a change of a command, of the API, of a setting, or of the title of a
decision:

    python -m docs.tooling.generate            write the pages that have changed
    python -m docs.tooling.generate --check    write nothing; exit with status 1 if a page is out of date

`make docs` runs the first command. `tests/test_reference.py` fails if the second command would fail.
"""

import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from typer.main import get_command

from firsthand.cli.app import app
from firsthand.cli.commands import load
from service.app import create_app
from service.errors import TYPE, Refusal
from service.settings import Settings
from service.storage import migrate
from service.storage.engine import Database

DOCS = Path(__file__).parents[1]

NAVIGATION = DOCS.parent / "zensical.toml"

_PART = re.compile(
    r"(?P<start>(?:<!-- |# )generated: (?P<name>[\w-]+)(?: -->)?\n).*?(?P<end>(?:<!-- |[ ]*# )end)", re.DOTALL
)

#: Copies of figures that pages show, because the site can contain only files under docs/: copy and original.
FIGURES = {
    DOCS / "figures" / "how-much-must-we-know.svg": DOCS.parent / "results" / "how-much-must-we-know" / "figure.svg",
}

#: Commands that are not in the wheel. The top group has only a placeholder without options for each of them.
_OTHER_PACKAGES = ("serve", "migrate", "simulate")

#: The HTTP methods of a path, in the order in which the page lists them.
_METHODS = ("get", "put", "post", "delete")

#: Descriptions of Typer's type names.
_KINDS = {
    "str": "text",
    "int": "integer",
    "int range": "integer",
    "float range": "number",
    "list[str]": "text, may be given several times",
}

#: Descriptions of the content types.
_MEDIA = {
    "application/json": "JSON",
    "application/x-ndjson": "NDJSON, one object per line",
    "application/octet-stream": "raw digests, 32 bytes each",
    "application/vnd.apache.arrow.stream": "Arrow IPC stream",
    "application/vnd.apache.parquet": "Parquet",
    "application/problem+json": "a problem",
    "text/plain": "text",
}


def command_line() -> Iterator[str]:
    """Yield the lines of the page on the command line: usage, help, arguments and options of every command."""
    group = get_command(app)
    yield from _command(group, typer.Context(group, info_name="firsthand"), depth=2)


def _command(command: Any, context: Any, depth: int) -> Iterator[str]:
    """Yield the lines of a command and of its subcommands. Typer does not export the types of its commands."""
    yield from ("", f"{'#' * depth} {context.command_path}", "")
    yield from ("```text", command.get_usage(context).removeprefix("Usage: "), "```", "")
    yield from _help_text(command.help or "")
    yield from _parameters(command, context)
    names = command.list_commands(context) if hasattr(command, "list_commands") else []
    subcommands = {name: _subcommand(command, context, name) for name in names}
    if names:
        yield from ("", "| command | what it does |", "|---|---|")
        for name, subcommand in subcommands.items():
            path = f"{context.command_path} {name}"
            yield f"| [`{path}`](#{path.replace(' ', '-')}) | {_cell(subcommand.get_short_help_str(200))} |"
    for name, subcommand in subcommands.items():
        yield from _command(subcommand, typer.Context(subcommand, info_name=name, parent=context), min(depth + 1, 4))


def _subcommand(command: Any, context: Any, name: str) -> Any:
    return load(name) if context.parent is None and name in _OTHER_PACKAGES else command.get_command(context, name)


def _help_text(text: str) -> Iterator[str]:
    """Yield the help text of a command as Markdown.

    Indented examples get a fence. All fences have the language `text`, because the tests would run `sh` fences.
    """
    inside = False
    for paragraph in text.replace("\b\n", "").strip().split("\n\n"):
        lines = paragraph.split("\n")
        if not inside and all(line.lstrip().startswith(("firsthand ", "FIRSTHAND_")) for line in lines):
            yield from ("```text", *(line.strip() for line in lines), "```", "")
            continue
        for line in lines:
            if line.startswith("```"):
                inside = not inside
                yield "```text" if inside else "```"
            else:
                yield line
        yield ""


def _parameters(command: Any, context: Any) -> Iterator[str]:
    for kind, title in (("argument", "argument"), ("option", "option")):
        records = [
            parameter.get_help_record(context)
            for parameter in command.params
            if parameter.param_type_name == kind and not getattr(parameter, "hidden", False)
        ]
        rows = [_parameter(*record) for record in records if record]
        if rows:
            yield from (f"| {title} | what it is | notes |", "|---|---|---|", *rows, "")


def _parameter(name: str, text: str) -> str:
    """Return the table row of a parameter. Typer appends default, range and `required` in brackets to the help text."""
    text, _, notes = text.partition("  [") if "  [" in text else (text, "", "")
    names, _, kind = name.partition(" <")
    kind = kind.removesuffix(">")
    shown = f"`{names}`" + (f" {_cell(_KINDS.get(kind, kind))}" if kind else "")
    return f"| {shown} | {_cell(text)} | {_cell(notes.removesuffix(']').replace('<=', ' ≤ ').replace('>=', ' ≥ '))} |"


def rest() -> Iterator[str]:
    """Yield the lines of the page on the REST API: every call, grouped by tag, and then every schema."""
    document = openapi()
    operations = [
        (operation["tags"][0], method, path, operation)
        for path, methods in document["paths"].items()
        for method in _METHODS
        if (operation := methods.get(method))
    ]
    for tag in dict.fromkeys(tag for tag, *_ in operations):
        yield from ("", f"## {tag.capitalize()}")
        for _, method, path, operation in (entry for entry in operations if entry[0] == tag):
            yield from _operation(method.upper(), path, operation)
    yield from ("", "## Schemas")
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield from _schema(name, schema)


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document of the service. The service needs a migrated database, so this creates one."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), database_url=None)
        migrate.upgrade(settings)
        service = create_app(settings)
        document: dict[str, Any] = service.openapi()
        service.state.shared.get(Database).close()
    return document


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"### {method} {path}", "", operation.get("description") or operation["summary"], "")
    parameters = [_field(f"{p['name']}", p["schema"], p) for p in operation.get("parameters", [])]
    if parameters:
        yield from ("| parameter | type | what it is |", "|---|---|---|", *parameters, "")
    if body := operation.get("requestBody"):
        yield from (f"Body: {body.get('description', '')}".strip(), "", "| content type | content |", "|---|---|")
        yield from (f"| `{media}` | {_content(media, content)} |" for media, content in body["content"].items())
        yield ""
    yield from ("| status | answer |", "|---|---|")
    problems = []
    for status, response in sorted(operation["responses"].items()):
        contents = response.get("content", {})
        if "application/problem+json" in contents:
            problems.append(f"`{status}`")
            continue
        answers = [f"`{media}`: {_content(media, content)}" for media, content in contents.items()]
        answers += [f"header `{name}`: {header['description']}" for name, header in response.get("headers", {}).items()]
        description = response["description"].removeprefix("Successful Response")
        yield f"| `{status}` | {'<br>'.join(filter(None, (_cell(description), *answers)))} |"
    if problems:
        yield f"| {', '.join(problems)} | a [problem](statuses.md#problems) |"


def _content(media: str, content: Mapping[str, Any]) -> str:
    schema = content.get("schema", {})
    inline = media == "application/json" and "$ref" not in schema and "properties" in schema
    if inline:
        required = schema.get("required", [])
        return "an object: " + ", ".join(
            f"`{name}` {_type(field)}" + (" (required)" if name in required else "")
            for name, field in schema["properties"].items()
        )
    return _type(schema) if media == "application/json" and schema else _MEDIA.get(media, media)


def _schema(name: str, schema: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"### {name}", "")
    if description := schema.get("description"):
        yield from (description, "")
    required = schema.get("required", [])
    rows = [_field(n, field, {"required": n in required}) for n, field in schema.get("properties", {}).items()]
    if rows:
        yield from ("| field | type | what it is |", "|---|---|---|", *rows)


def _field(name: str, schema: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Return the table row of a parameter or a field: its type, its description, and whether it is required."""
    description = given.get("description") or schema.get("description") or ""
    notes = "Required." if given.get("required") else ""
    if schema.get("default") is not None:
        notes = f"Default: `{json.dumps(schema['default'])}`."
    return f"| `{name}` | {_type(schema)} | {_cell(' '.join(filter(None, (description, notes))))} |"


def _type(schema: Mapping[str, Any]) -> str:
    """Return a description of the type of a JSON schema, with its bounds and with links to other schemas."""
    if reference := schema.get("$ref"):
        name = reference.rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    match schema.get("type"):
        case "array":
            most = f" (at most {schema['maxItems']:,})" if "maxItems" in schema else ""
            return f"list of {_type(schema['items'])}{most}"
        case "object":
            values = schema.get("additionalProperties")
            return f"object of {_type(values)}" if isinstance(values, dict) and values else "object"
        case "string":
            return {"date-time": "time", "binary": "bytes"}.get(schema.get("format", ""), "text") + _bounds(schema)
        case None:
            return "anything"
        case plain:
            return f"{plain}{_bounds(schema)}"


def _bounds(schema: Mapping[str, Any]) -> str:
    if "maxLength" in schema:
        return f" (at most {schema['maxLength']:,} characters)"
    words = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to"}
    bounds = [f"{word} {_number(schema[key])}" for key, word in words.items() if key in schema]
    return f" ({' '.join(bounds)})" if bounds else ""


def _number(value: float) -> str:
    return "2⁵³ − 1" if value == 2**53 - 1 else f"{value:,g}" if value < 10**6 else f"{int(value):,}"


def settings() -> Iterator[str]:
    """Yield the table of the settings of the service, and of the options of `serve` that have a variable."""
    yield from ("| variable | what it is | default |", "|---|---|---|")
    for name, field in Settings.model_fields.items():
        yield f"| `FIRSTHAND_{name.upper()}` | {_cell(field.description or '')} | {_default(name, field.default)} |"
    for parameter in load("serve").params:
        if parameter.envvar:
            yield f"| `{parameter.envvar}` | {_cell(parameter.help)} (`serve`) | {_default('', parameter.default)} |"


def _default(name: str, value: object) -> str:
    if value is None:
        return "none"
    if name.endswith("_bytes") and isinstance(value, int) and value % 2**20 == 0:
        return f"`{value}` ({value // 2**20} MiB)"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def problems() -> Iterator[str]:
    """Yield the table of the kinds of problems with which the service answers errors."""
    yield from ("| status | type | title |", "|---|---|---|")
    kinds: list[type[Refusal]] = [Refusal, *Refusal.__subclasses__()]
    kinds.sort(key=lambda kind: kind.status)
    yield from (f"| `{kind.status}` | `{TYPE}{kind.slug}` | {kind.title} |" for kind in kinds)


def decisions() -> Iterator[str]:
    """Yield the table of the decisions, in the order of their numbers."""
    yield from ("| number | decision |", "|---|---|")
    yield from (f"| {page.name[:4]} | [{_cell(title)}]({page.name}) |" for page, title in _decisions())


def decisions_navigation() -> Iterator[str]:
    """Yield the entries of the decisions in the navigation of the site."""
    yield '    { "All decisions" = "decisions/index.md" },'
    for page, title in _decisions():
        yield f'    {{ "{page.name[:4]} {title.replace("`", "")}" = "decisions/{page.name}" }},'


def _decisions() -> list[tuple[Path, str]]:
    """Return the page and the title of each decision. The title is the first line of the page without the number."""
    pages = sorted((DOCS / "decisions").glob("[0-9]*.md"))
    return [(page, page.read_text(encoding="utf-8").split("\n", 1)[0].partition(". ")[2]) for page in pages]


PARTS: dict[str, Callable[[], Iterator[str]]] = {
    "command-line": command_line,
    "rest": rest,
    "settings": settings,
    "problems": problems,
    "decisions": decisions,
    "decisions-navigation": decisions_navigation,
}


def _cell(text: str) -> str:
    """Return the text with the escapes that a table cell needs."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def generated_pages() -> dict[Path, str]:
    """Return the pages that have generated parts, each with its up-to-date text."""
    pages: dict[Path, str] = {}
    for page in [NAVIGATION, *sorted(DOCS.rglob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        if _PART.search(text):
            pages[page] = _PART.sub(_replaced, text)
    return pages


def _replaced(match: re.Match[str]) -> str:
    part = "\n".join(PARTS[match["name"]]())
    if match["start"].startswith("#"):
        return f"{match['start']}{part}\n{match['end']}"
    part = re.sub(r"\n{3,}", "\n\n", part.strip())
    return f"{match['start']}\n{part}\n\n{match['end']}"


def outdated() -> dict[Path, str]:
    """Return the pages and figures that differ from the code and the results, each with its up-to-date text."""
    right = generated_pages() | {copy: figure.read_text(encoding="utf-8") for copy, figure in FIGURES.items()}
    return {page: text for page, text in right.items() if not page.exists() or page.read_text(encoding="utf-8") != text}


def main(arguments: list[str]) -> int:
    """Write or check the pages, and return the exit status."""
    changed = outdated()
    for page, text in changed.items():
        if "--check" not in arguments:
            page.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{page.relative_to(DOCS.parent)}: {'out of date' if '--check' in arguments else 'written'}\n")
    return 1 if changed and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
