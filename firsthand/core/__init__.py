"""Digests, names, verdicts and selection: functions without side effects. They import no other package."""
