"""Limits on what one caller can use, and on the units (slots, bytes) that all organizations share.

The limits are on connections, cost of requests, concurrent scans, concurrent streams, and time to read an answer.
"""
