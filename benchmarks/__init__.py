"""Measurements, each beside its limit or its peer; run from the clone, in no wheel."""
