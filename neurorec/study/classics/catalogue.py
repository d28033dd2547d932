"""Which classic systems there are, and what makes each of them again."""

from collections.abc import Callable
from typing import NamedTuple

from neurorec.report import Findings
from neurorec.study.classics.balanced import show_balanced
from neurorec.study.classics.conceptors import show_conceptors
from neurorec.study.classics.echo_state import show_echo_state
from neurorec.study.classics.few_data import show_few_data
from neurorec.study.classics.follow import show_follow
from neurorec.study.classics.force import show_force
from neurorec.study.classics.hard_images import show_hard_images
from neurorec.study.classics.hopfield import show_hopfield
from neurorec.study.classics.liquid_state import show_liquid_state
from neurorec.study.classics.oculomotor import show_oculomotor
from neurorec.study.classics.predictive_coding import show_predictive_coding
from neurorec.study.classics.sorn import show_sorn


class Classic(NamedTuple):
    """A classic system.

    Attributes
    ----------
    title : str
        In a line.
    doi : str
        Of the paper.
    show : callable
        ``show(*, full, seed, folder, n_jobs, progress) -> Findings``. `full` asks for the published size where the
        default is smaller; what takes long keeps in `folder` what it needs to go on.
    """

    title: str
    doi: str
    show: Callable[..., Findings]


CLASSICS: dict[str, Classic] = {
    "balanced": Classic(
        "balanced spiking networks: irregular, asynchronous, and what rates say of them",
        "10.1126/science.274.5293.1724",
        show_balanced,
    ),
    "conceptors": Classic("conceptors: one reservoir, several patterns", "10.48550/arXiv.1403.3369", show_conceptors),
    "echo_state": Classic(
        "echo state networks: memory and computation near the edge of chaos", "10.1126/science.1091277", show_echo_state
    ),
    "few_data": Classic(
        "few and other data: reservoirs beside networks trained throughout", "10.1038/s41467-021-25801-2", show_few_data
    ),
    "follow": Classic(
        "FOLLOW learning: a spiking network is made to follow until it does so by itself",
        "10.7554/eLife.28295",
        show_follow,
    ),
    "force": Classic("FORCE learning: a chaotic network is tamed", "10.1016/j.neuron.2009.07.018", show_force),
    "hard_images": Classic(
        "hard images: where recurrence helps to name them, and whether it takes time",
        "10.1038/s41593-019-0392-5",
        show_hard_images,
    ),
    "hopfield": Classic(
        "the Hopfield network: content-addressable memory, and denser ones", "10.1073/pnas.79.8.2554", show_hopfield
    ),
    "liquid_state": Classic(
        "the liquid state machine: a spiking column that linear readouts read",
        "10.1162/089976602760407955",
        show_liquid_state,
    ),
    "oculomotor": Classic(
        "the oculomotor integrator: a tuned line attractor", "10.1016/S0896-6273(00)81155-1", show_oculomotor
    ),
    "predictive_coding": Classic(
        "predictive coding: layers predict one another, and learn from what was not predicted",
        "10.1038/4580",
        show_predictive_coding,
    ),
    "sorn": Classic(
        "the self-organizing recurrent network: counting, and what each plasticity is for",
        "10.3389/neuro.10.023.2009",
        show_sorn,
    ),
}
