"""Where an experiment computes."""

import dataclasses

import torch

from simulator.config import Experiment, Run


def on(experiment: Experiment, device: str) -> Experiment:
    """The experiment with its networks on `device`: cpu, cuda, cuda:1 …

    Raises ValueError where there is no such device, or nothing to put on it: Gaussians, mixtures and counts of words
    are computed on the processor alone.
    """
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ValueError(f"{device!r} is no device: {error}") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError("there is no CUDA device here: leave out --device")
    moved = tuple(_moved(run, device) for run in experiment.runs)
    if not any(hasattr(run.family, "device") for run in moved):
        raise ValueError(f"nothing of {experiment.name} computes on a device: leave out --device")
    return dataclasses.replace(experiment, runs=moved)


def _moved(run: Run, device: str) -> Run:
    if not hasattr(run.family, "device"):
        return run
    return dataclasses.replace(run, family=dataclasses.replace(run.family, device=device))  # type: ignore[type-var]
