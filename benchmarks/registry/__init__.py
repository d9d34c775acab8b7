"""The speed of the registry, compared with bare drivers and other tools."""
