"""The log of a process, including the logs of uvicorn and SQLAlchemy: text for a console, or JSON for machines.

Values can contain texts of callers: paths of requests, names and error messages. So control characters are escaped: a
value can neither control the terminal that shows the log, nor look like another line.
"""

import logging
import os
import sys
import textwrap
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from firsthand.core.control_characters import escape_controls, escape_controls_in_json

#: Fields with several lines: tracebacks. Their lines are indented, so that none looks like the start of an entry.
_SEVERAL_LINES = ("exception", "stack")


def escape_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters in all texts of a log entry, before a renderer adds its colours."""
    return {
        escape_controls(key): textwrap.indent(escape_controls(value, keep="\n"), "  ").rstrip()
        if key in _SEVERAL_LINES and isinstance(value, str)
        else _escaped(value)
        for key, value in event.items()
    }


def _escaped(value: Any) -> Any:
    match value:
        case str():
            return escape_controls(value.rstrip("\n"))
        case None | bool() | int() | float():
            return value
        case _:
            return escape_controls(repr(value))


def render_json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """Return a log entry as one line of JSON."""
    line = structlog.processors.JSONRenderer()(logger, method, event)
    return escape_controls_in_json(line if isinstance(line, str) else line.decode())


def shows_colours() -> bool:
    """Return whether the log has colours: standard error is a terminal, and NO_COLOR is not set."""
    return sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def set_up(log_format: str, level: int = logging.INFO) -> None:
    """Write the log lines of structlog and of the standard library to standard error, in one format.

    `log_format` is `console` or `json`. Colours are used only if standard error is a terminal and NO_COLOR is not set.
    """
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[Processor] = (
        [structlog.processors.format_exc_info, render_json]
        if log_format == "json"
        # plain tracebacks: the rich ones print local variables, and an API key may be among them
        else [
            structlog.processors.format_exc_info,
            escape_values,
            structlog.dev.ConsoleRenderer(colors=shows_colours(), exception_formatter=structlog.dev.plain_traceback),
        ]
    )
    structlog.configure(
        processors=[*common, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    remove_metadata = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[remove_metadata, *renderers], foreign_pre_chain=common)
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)
