"""Metrics of models and samples, and their intervals."""
