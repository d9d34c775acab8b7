"""A lower bound on the number of distinct words that survive if each generation is drawn from the previous one."""

import numpy as np

from simulator.families.base import Floats


def expect_survivors(p: Floats, n: int, rounds: int) -> Floats:
    """Return a lower bound on the expected number of distinct words in each generation 1, 2, …, `rounds`: `[rounds]`.

    Each generation has n words. `p[V]` are the true probabilities of the V words. Generation 1 is drawn with these
    probabilities. Every later generation is drawn with the frequencies of the words in the previous generation. For the
    number of distinct words, E[unique_t] ≥ Σ_i (1 − exp(−n p_i g_t)) with g_1 = 1 and g_{t+1} = 1 − exp(−g_t) (Suresh
    et al. 2024, 2412.17646). With Poisson counts, each word is a Galton–Watson process, and the bound is exact.
    """
    g, survivors = 1.0, np.empty(rounds)
    for t in range(rounds):
        survivors[t] = -np.expm1(-n * p * g).sum()
        g = -np.expm1(-g)
    return survivors
