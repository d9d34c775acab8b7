"""Media types of requests and answers: JSON for a few items, the other types for many items."""

JSON = "application/json"
#: Raw digests, 32 bytes each, without separators.
RAW = "application/octet-stream"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
NDJSON = "application/x-ndjson"
