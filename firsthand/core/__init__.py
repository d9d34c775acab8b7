"""Digests, names, verdicts and selection: pure functions, which import no other package of this project."""
