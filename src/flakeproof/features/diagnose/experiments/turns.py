"""An experiment and the target alone in turns, so that what changes meanwhile on the machine meets both alike."""

from flakeproof.features.diagnose.experiment_runner import Laboratory
from flakeproof.features.diagnose.experiments.alone import alone_spec
from flakeproof.features.diagnose.experiments.names import ALONE, control_of
from flakeproof.model import RunSpec

_SHARE = 0.1
_TURNS = 2
_LEAST, _MOST = 60, 1000


def run_in_turns(laboratory: Laboratory, name: str, setting: str, spec: RunSpec) -> None:
    """`spec` as the experiment `name`, and as many trials alone, which it is compared with."""
    count = min(_MOST, max(_LEAST, 2 * laboratory.tally(ALONE).trials)) // _TURNS
    seconds = laboratory.budget.share(_SHARE) / (2 * _TURNS)
    control = control_of(name)
    with (
        laboratory.experiment(control, f'alone, in turns with the experiment "{name}"') as alone,
        laboratory.experiment(name, setting, against=control) as tally,
    ):
        for _ in range(_TURNS):
            laboratory.run(tally, spec, seconds=seconds, count=count)
            laboratory.run(alone, alone_spec(laboratory.given), seconds=seconds, count=count)
