"""Limits of what a caller may take: connections, cost, scans, streams, and shares of a pool."""
