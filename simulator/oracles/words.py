"""Theory of words that are counted, drawn by these counts, and counted again."""

import numpy as np

from simulator.families.base import Floats


def expect_survivors(p: Floats, n: int, rounds: int) -> Floats:
    """Return a lower bound on the expected number of distinct words among the n words of generations t = 1 … rounds.

    `p[V]` are the true probabilities of the words. Generation t is drawn by the frequencies in the generation before
    it, generation 1 by the true probabilities. E[unique_t] ≥ Σ_i (1 − exp(−n p_i g_t)) with g_1 = 1 and g_{t+1} = 1 −
    exp(−g_t) (Suresh et al. 2024, 2412.17646); with Poisson counts it is exact: each word is a Galton–Watson process.
    """
    g, survivors = 1.0, np.empty(rounds)
    for t in range(rounds):
        survivors[t] = -np.expm1(-n * p * g).sum()
        g = -np.expm1(-g)
    return survivors
