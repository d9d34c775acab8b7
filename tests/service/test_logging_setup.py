"""Lines of the log: nothing of others steers a terminal or looks like another line, and files hold no colours."""

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from service import logging_setup

HOSTILE = "a\x1b[31m\x9b\u202e\x7f\r\n2026-01-01T00:00:00Z [info] forged"


class TerminalStream(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _set_up_again() -> Iterator[None]:
    yield
    logging_setup.set_up("json", level=logging.WARNING)


def written(monkeypatch: pytest.MonkeyPatch, log_format: str, stream: io.StringIO) -> str:
    """Log hostile values as a program of structlog and one of the standard library would, and return the lines."""
    monkeypatch.setattr(sys, "stderr", stream)
    logging_setup.set_up(log_format)
    log = structlog.get_logger("test")
    log.warning("request", path=HOSTILE, names=[HOSTILE], **{"key\x1b": 1})
    logging.getLogger("library").warning("from %s\n", HOSTILE)
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed too")
    return stream.getvalue()


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_nothing_of_others_reaches_a_log_file_raw(monkeypatch: pytest.MonkeyPatch, log_format: str) -> None:
    text = written(monkeypatch, log_format, io.StringIO())
    assert not {character for character in text if character != "\n" and not character.isprintable()}
    assert not [line for line in text.splitlines() if line.startswith("2026-01-01T00:00:00Z")]
    if log_format == "json":
        entries = [json.loads(line) for line in text.splitlines()]
        assert entries[0]["path"] == HOSTILE
        assert len(entries) == 4
    else:
        assert "\\x1b[31m\\\\x9b\\\\u202e\\\\x7f\\\\r\\\\n2026" in text  # the renderer quotes values with spaces
        assert "ValueError" in text


def test_a_terminal_gets_colours_and_no_other_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = written(monkeypatch, "console", TerminalStream())
    assert "\x1b[" in text
    assert "a\\x1b[31m" in text
    assert "\x9b" not in text


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in written(monkeypatch, "console", TerminalStream())
