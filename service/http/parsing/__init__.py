"""Parsing bodies that strangers send: JSON, raw digests and Arrow, into columns."""
