"""The log of a process, including the logs of uvicorn and SQLAlchemy: text for a console, or JSON for machines."""

import logging
import sys

import structlog
from structlog.typing import Processor


def set_up(log_format: str, level: int = logging.INFO) -> None:
    """Write the log lines of structlog and of the standard library to standard error, in one format.

    `log_format` is `console` or `json`. Colors are used only if standard error is a terminal.
    """
    common: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderers: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if log_format == "json"
        # plain tracebacks: the rich ones print local variables, and an API key may be among them
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
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
