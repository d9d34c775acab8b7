"""Checks that settings are in their ranges. Each message has the name of the setting, its value, and valid values."""


def check_least(least: float, **settings: float) -> None:
    """Raise ValueError if one of `settings` (values by name) is less than `least`."""
    for name, value in settings.items():
        if value < least:
            raise ValueError(f"{name} is {_text(value)}: use {_text(least)} or more")


def check_above(limit: float, **settings: float) -> None:
    """Raise ValueError if one of `settings` (values by name) is not more than `limit`."""
    for name, value in settings.items():
        if value <= limit:
            raise ValueError(f"{name} is {_text(value)}: use more than {_text(limit)}")


def check_between(low: int, high: int, **settings: int) -> None:
    """Raise ValueError if one of `settings` (values by name) is not a number from `low` to `high`."""
    for name, value in settings.items():
        if not low <= value <= high:
            raise ValueError(f"{name} is {_text(value)}: use a number from {_text(low)} to {_text(high)}")


def check_share(name: str, share: float) -> None:
    """Raise ValueError if `share`, the value of the setting `name`, is not a number from 0 to 1."""
    if not 0 <= share <= 1:
        raise ValueError(f"{name} is {_text(share)}: use a number from 0 to 1, such as 0.1")


def check_epochs_or_steps(epochs: float, steps: int) -> None:
    """Raise ValueError if `steps` is negative, or if `steps` is 0 and `epochs` is not more than 0."""
    check_least(0, steps=steps)
    if steps == 0 and epochs <= 0:
        raise ValueError(f"epochs is {_text(epochs)} and steps is 0: use more than 0 for one of them")


def _text(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"
