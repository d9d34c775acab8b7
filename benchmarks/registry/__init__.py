"""The speed of the registry, beside bare drivers and peers."""
