"""Worlds: the makers of data, and the statements that are registered about the data."""
