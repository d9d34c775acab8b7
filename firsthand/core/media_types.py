"""The media types of the wire: JSON for people, the others for bulk."""

JSON = "application/json"
#: Digests without anything between them, 32 bytes each.
RAW = "application/octet-stream"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
NDJSON = "application/x-ndjson"
