"""The command line: one module per command or resource; `app` puts them together."""

from firsthand.cli.app import app, main

__all__ = ["app", "main"]
