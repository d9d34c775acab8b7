"""From claims to verdicts: the catalog of registrations, standing claims and overlaps."""
