"""HTTP to a registry: transport, credentials, request bodies, and results of look-ups."""
