"""What theory says of words that are counted, drawn by those counts, and counted again."""

import numpy as np

from simulator.families.base import Floats


def expect_survivors(p: Floats, n: int, rounds: int) -> Floats:
    """How many distinct words are left in the n words of generations t = 1 … rounds, in expectation: a lower bound.

    `p[V]` are the words' true probabilities. Generation t is drawn by the frequencies of the one before, generation 1
    by the truth. E[unique_t] ≥ Σ_i (1 − exp(−n p_i g_t)) with g_1 = 1 and g_{t+1} = 1 − exp(−g_t) (Suresh et al. 2024,
    2412.17646); with Poisson counts it is exact, a Galton–Watson process of each word.
    """
    g, found = 1.0, np.empty(rounds)
    for t in range(rounds):
        found[t] = -np.expm1(-n * p * g).sum()
        g = -np.expm1(-g)
    return found
