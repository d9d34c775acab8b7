"""The command line: one module a resource, `app` puts them together."""

from firsthand.cli.app import app, main

__all__ = ["app", "main"]
