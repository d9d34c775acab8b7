"""Check a generation that a caller states. This function has no side effects."""

from service.errors import Unprocessable


def check_stated_generation(stated: int | None, computed: int, lower_bound: bool, model: str) -> None:
    """Raise Unprocessable if a stated generation contradicts the computed one.

    If the computed generation is a lower bound, every higher generation is possible.
    """
    if stated is None or stated == computed or (lower_bound and stated > computed):
        return
    known = f"at least {computed}" if lower_bound else str(computed)
    raise Unprocessable.at(
        "generation",
        f"{stated} contradicts the generation of {model}, which is {known}; remove this field: "
        "the registry computes the generation",
    )
