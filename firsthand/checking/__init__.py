"""Look items up in a registry or a snapshot: check, filter and annotate files."""
