"""The registry that a command asks."""

from firsthand.client import Client


def ask() -> Client:
    """For a question or two: that no registry is there is said within a second or so."""
    return Client(retries=2)


def work() -> Client:
    """For long work, which outlives a registry's restart."""
    return Client(retries=6)
