import pytest

from simulator.config import Experiment, Run, grid
from simulator.data.corpora import Normal
from simulator.data.images import Pixels
from simulator.families.gaussian import Gaussian
from simulator.families.vae import VAE
from simulator.options import on_device
from simulator.regimes import Replace


def test_networks_are_put_on_the_device_and_stay_what_they_are() -> None:
    """So a named result, which knows its families, has the same conditions there; its runs are others."""
    experiment = grid("two", VAE(), Pixels(), [Replace()], seeds=[0, 1], n=100, generations=1)
    moved = on_device(experiment, "meta")
    assert [run.family.device for run in moved.runs if isinstance(run.family, VAE)] == ["meta", "meta"]
    assert [run.family for run in moved.runs] == [run.family for run in experiment.runs]
    assert not {run.id for run in moved.runs} & {run.id for run in experiment.runs}


def test_what_the_processor_alone_computes_is_left_alone() -> None:
    runs = Run(Gaussian(), Normal(100), Replace(), 100, 1), Run(VAE(), Pixels(), Replace(), 100, 1)
    assert on_device(Experiment("both", runs), "meta").runs[0] == runs[0]
    with pytest.raises(ValueError, match="no family of one uses a device"):
        on_device(Experiment("one", runs[:1]), "meta")
