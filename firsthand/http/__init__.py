"""HTTP to a registry: transport, credentials, request bodies and answers to look-ups."""
