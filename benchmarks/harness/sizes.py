"""The amount of work in each benchmark."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """The number of items that each benchmark uses, and the number of its measurements."""

    new: int = 1_000_000
    "items to register"
    batch: int = 50_000
    "items per registration"
    held: tuple[int, ...] = (1_000_000, 10_000_000)
    "items in the registry during look-ups: the first size, then the second"
    lookup_batch: int = 10_000
    "digests per look-up; every second digest is registered"
    look_ups: int = 20
    "look-ups per measurement"
    pool: int = 10_000_000
    "items from which mixes are selected"
    mix: int = 1_000_000
    "items of a mix that is 90 % human, from a pool that is half human"
    rare: int = 90_000
    "human items of a mix from a pool that is 1 % human"
    seconds: float = 5.0  # short: this is a duration of work, not a time limit
    "duration of the load of single-item requests"
    lines: int = 1_000_000
    "lines of JSON to read and hash"
    times: int = 5
    "measurements; the median is reported"
    recorded: int = 160_000
    "single items that a Recorder receives"
    small: int = 10_000_000
    "items in registrations of ten, compared with the same items in 100 registrations"
    singly: int = 640
    "items that are sent in one request per item"


#: Sizes of `--quick` for the registry and the simulator.
QUICK = Sizes(
    new=100_000,
    batch=25_000,
    held=(50_000, 500_000),
    lookup_batch=5_000,
    look_ups=4,
    pool=500_000,
    mix=50_000,
    rare=4_500,
    seconds=1.5,
    times=3,
    recorded=16_000,
    small=100_000,
    singly=96,
    lines=50_000,
)

#: Sizes of `--quick` for the bare baselines.
QUICK_BASELINES = Sizes(
    new=200_000,
    held=(1_000_000,),
    look_ups=5,
    pool=1_000_000,
    mix=100_000,
    rare=9_000,
    seconds=2,
    lines=100_000,
    times=3,
)
