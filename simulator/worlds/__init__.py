"""Worlds: who makes data, and what is registered about it."""
