"""Parse request bodies from untrusted callers into columns: JSON, raw digests and Arrow."""
