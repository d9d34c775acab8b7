"""Corpora: the sources of human items for experiments."""
