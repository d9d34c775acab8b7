"""The forms of the wire, by their media types: JSON for people, the others for bulk."""

JSON = "application/json"
#: Digests one after the other, 32 bytes each.
RAW = "application/octet-stream"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
NDJSON = "application/x-ndjson"
