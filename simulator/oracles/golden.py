"""How heavily to weigh new human data against synthetic data (He et al. 2025, 2502.18049)."""


def weighted_error_at_last(weight: float, humans: int, synthetic: int) -> float:
    """Where E[μ²] of a Gaussian of fixed variance 1 ends whose mean is w·x̄ + (1 − w)·ȳ each round.

    E[μ_t²] = w²/n_human + (1 − w)²·(E[μ_{t−1}²] + 1/n_synthetic), so its limit is (w²/n_human + (1 − w)²/n_synthetic) /
    (w·(2 − w)). Least at w = `golden_ratio(humans / synthetic)`.
    """
    return (weight**2 / humans + (1 - weight) ** 2 / synthetic) / (weight * (2 - weight))
