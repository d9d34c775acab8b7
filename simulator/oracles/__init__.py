"""Exact values that theory predicts for the results of experiments. They need no registry.

Most functions return the exact expected variance and squared mean of a model after each round. If a function returns a
bound instead of an exact value, its docstring says so.
"""

from simulator.oracles.chains import Trajectories, simulate_accumulate, simulate_fresh, simulate_replace
from simulator.oracles.commons import (
    CandidateItems,
    Draws,
    after_draws,
    candidates,
    expect_commons,
    expect_commons_at_last,
    expect_each,
    expect_grown,
    expected_draws,
)
from simulator.oracles.gaussian import (
    Expected,
    expect_accumulate,
    expect_fresh,
    expect_fresh_at_last,
    expect_replace,
    weighted_error_at_last,
)
from simulator.oracles.loops import expect_augment, expect_fresh_biased, expect_fresh_biased_at_last, expect_growing
from simulator.oracles.regression import expect_regression_accumulate, expect_regression_replace

__all__ = [
    "CandidateItems",
    "Draws",
    "Expected",
    "Trajectories",
    "after_draws",
    "candidates",
    "expect_accumulate",
    "expect_augment",
    "expect_commons",
    "expect_commons_at_last",
    "expect_each",
    "expect_fresh",
    "expect_fresh_at_last",
    "expect_fresh_biased",
    "expect_fresh_biased_at_last",
    "expect_growing",
    "expect_grown",
    "expect_regression_accumulate",
    "expect_regression_replace",
    "expect_replace",
    "expected_draws",
    "simulate_accumulate",
    "simulate_fresh",
    "simulate_replace",
    "weighted_error_at_last",
]
