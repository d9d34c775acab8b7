"""Verdicts from claims: the catalog of registrations, standing claims and overlaps."""
