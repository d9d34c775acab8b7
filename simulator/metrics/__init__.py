"""Metrics of models and samples, and their confidence intervals."""
