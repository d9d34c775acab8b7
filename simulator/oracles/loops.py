"""Exact expectations for the loops of MAD with sampling bias λ (Alemohammad et al. 2023; Bertrand et al. 2023).

Human data are N(0, 1), models sample N(μ, λv) and are fitted by maximum likelihood. Each recursion has two parts: the
second moment of the mean, M = E[μ²], and that of a training item, E[x²], with V = E[v] = E[x²] − M. Derived here. In d
dimensions with isotropic human data, V and M are those of each axis.
"""

import numpy as np

from simulator.families.base import Floats
from simulator.oracles.gaussian import Expected


def expect_fresh_biased(humans: int, synthetic: int, bias: float, rounds: int) -> Expected:
    """Return the expectations if each model is fitted to new human items and to output of the model before.

    With w = n_human/n: M' = w/n + (1 − w)·λV/n + (1 − w)²·M, V' = w + (1 − w)(λV + M) − M'. Without human items, this
    is replace with bias: E[v_t] = λ^{t−1}(1 − 1/n)^t. The first model is fitted to n = humans + synthetic human items.
    """
    step, constant = _fresh(humans, synthetic, bias)
    start = np.array([1 - 1 / (humans + synthetic), 1 / (humans + synthetic)])
    return _play(step, constant, start, rounds)


def expect_fresh_biased_at_last(humans: int, synthetic: int, bias: float) -> tuple[float, float]:
    """Return the limits of `expect_fresh_biased`, E[v] and E[μ²]; they do not depend on the start."""
    step, constant = _fresh(humans, synthetic, bias)
    variance, mean_squared = np.linalg.solve(np.eye(2) - step, constant)
    return float(variance), float(mean_squared)


def expect_augment(humans: int, synthetic: int, bias: float, rounds: int) -> Expected:
    """Return the expectations if each model is fitted to the same human items and to output of the model before.

    The mean x̄ of the human items stays in every model: E[μ·x̄] = 1/n_human, so with w = n_human/n
    M' = w²/n_human + 2w(1 − w)/n_human + (1 − w)²·(M + λV/n_synthetic), V' = w + (1 − w)(λV + M) − M'.
    """
    w = humans / (humans + synthetic)
    away = (1 - w) ** 2
    mean = np.array([away * bias / synthetic if synthetic else 0.0, away])
    fixed = (w**2 + 2 * w * (1 - w)) / humans
    step = np.stack([(1 - w) * np.array([bias, 1.0]) - mean, mean])
    return _play(step, np.array([w - fixed, fixed]), np.array([1 - 1 / humans, 1 / humans]), rounds)


def expect_growing(humans: int, synthetic: int, bias: float, rounds: int) -> Expected:
    """Return the expectations if each model is fitted to the same human items and to all output so far.

    Every model adds the same number of items; λ = 1 is the regime accumulate.

    With T_t items in round t, T_1 = n_human: M_t = M_{t−1} + n_synthetic·λV_{t−1}/T_t², and
    T_t·(V_t + M_t) = T_{t−1}·(V_{t−1} + M_{t−1}) + n_synthetic·(λV_{t−1} + M_{t−1}).
    """
    variance, mean_squared = [1 - 1 / humans], [1 / humans]
    for items in humans + synthetic * np.arange(1, rounds, dtype=np.float64):
        v, m = variance[-1], mean_squared[-1]
        both = ((items - synthetic) * (v + m) + synthetic * (bias * v + m)) / items
        mean_squared.append(m + synthetic * bias * v / items**2)
        variance.append(both - mean_squared[-1])
    return Expected(np.array(variance), np.array(mean_squared))


def _fresh(humans: int, synthetic: int, bias: float) -> tuple[Floats, Floats]:
    """Return step and constant of (V, M)' = step·(V, M) + constant."""
    n = humans + synthetic
    w = humans / n
    mean = np.array([(1 - w) * bias / n, (1 - w) ** 2])
    return np.stack([(1 - w) * np.array([bias, 1.0]) - mean, mean]), np.array([w - w / n, w / n])


def _play(step: Floats, constant: Floats, start: Floats, rounds: int) -> Expected:
    states = [start]
    for _ in range(rounds - 1):
        states.append(step @ states[-1] + constant)
    variance, mean_squared = np.stack(states, axis=1)
    return Expected(variance, mean_squared)
