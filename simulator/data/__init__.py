"""The corpora that experiments draw human items from."""
