"""Exact expectations for the training loops of Alemohammad et al. 2023 (MAD) with sampling bias λ.

See also Bertrand et al. 2023. Human data are N(0, 1). Models are fitted by maximum likelihood. A model with the mean μ
and the variance v generates items from N(μ, λv). Each recursion has two values: M = E[μ²], the expected squared mean,
and V = E[v] = E[x²] − M, where x is a training item. A prime (M') marks the value of the next round. Derived here. In d
dimensions with isotropic human data, V and M are those of each axis.

In all functions, `humans` is n_human (human training items), `synthetic` is n_synthetic (training items from models)
and `bias` is λ.
"""

import numpy as np

from simulator.families.base import Floats
from simulator.oracles.gaussian import Expected


def expect_fresh_biased(humans: int, synthetic: int, bias: float, rounds: int) -> Expected:
    """Return the expected variance V and squared mean M after each fit, if each model trains on new human items.

    The first model is fitted to n human items, with n = n_human + n_synthetic. Each later model is fitted to n_human
    new human items and to n_synthetic items of the previous model. With w = n_human/n,

        M' = w/n + (1 − w)·λV/n + (1 − w)²·M,
        V' = w + (1 − w)(λV + M) − M'.

    If n_human is 0, this is the regime `replace` with sampling bias, and E[v_t] = λ^{t−1}(1 − 1/n)^t after fit t.
    """
    step, constant = _fresh(humans, synthetic, bias)
    start = np.array([1 - 1 / (humans + synthetic), 1 / (humans + synthetic)])
    return _play(step, constant, start, rounds)


def expect_fresh_biased_at_last(humans: int, synthetic: int, bias: float) -> tuple[float, float]:
    """Return the limits of E[v] and E[μ²] in `expect_fresh_biased` as the number of rounds grows.

    v and μ are the variance and the mean of the model. The limits do not depend on the first model.
    """
    step, constant = _fresh(humans, synthetic, bias)
    variance, mean_squared = np.linalg.solve(np.eye(2) - step, constant)
    return float(variance), float(mean_squared)


def expect_augment(humans: int, synthetic: int, bias: float, rounds: int) -> Expected:
    """Return the expected variance V and squared mean M after each fit, if each model trains on the same human items.

    The first model is fitted to n_human human items. Each later model is fitted to the same human items and to
    n_synthetic items of the previous model. The mean x̄ of the human items is a part of every model's mean, so E[μ·x̄] =
    1/n_human. With w = n_human/(n_human + n_synthetic),

        M' = w²/n_human + 2w(1 − w)/n_human + (1 − w)²·(M + λV/n_synthetic),
        V' = w + (1 − w)(λV + M) − M'.
    """
    w = humans / (humans + synthetic)
    away = (1 - w) ** 2
    mean = np.array([away * bias / synthetic if synthetic else 0.0, away])
    fixed = (w**2 + 2 * w * (1 - w)) / humans
    step = np.stack([(1 - w) * np.array([bias, 1.0]) - mean, mean])
    return _play(step, np.array([w - fixed, fixed]), np.array([1 - 1 / humans, 1 / humans]), rounds)


def expect_growing(humans: int, synthetic: int, bias: float, rounds: int) -> Expected:
    """Return the expected variance V and squared mean M after each fit, if models train on all earlier output.

    Each model is fitted to the same n_human human items and to n_synthetic items of every earlier model. With λ = 1,
    this is the regime `accumulate`. T_t is the number of training items in round t, with T_1 = n_human.

        M_t = M_{t−1} + n_synthetic·λV_{t−1}/T_t²,
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
    """Return the matrix `step[2, 2]` and the vector `constant[2]` of (V, M)' = step·(V, M) + constant."""
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
