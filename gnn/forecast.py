"""Learning to foresee: each network is shown without labels, and only what was decided after its time is to be learnt.

For logs whose attributes tell of the decisions themselves, such as ratings or chargebacks: a model that may learn what
was decided by then would only read it off them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pyarrow.compute as pc

from gnn.network import Network, no_labels
from gnn.targets import Example


def unlabelled(network: Network) -> Network:
    """The network as a model that foresees reads it."""
    return replace(network, labels=no_labels())


def forecasts(examples: Sequence[Example]) -> list[Example]:
    """The examples as there is something to foresee in them: outcomes from after their network's time."""
    later = [
        replace(
            one,
            network=unlabelled(one.network),
            outcomes=one.outcomes.filter(pc.greater(one.outcomes["decided_ms"], one.network.as_of_ms)),
        )
        for one in examples
    ]
    return [one for one in later if one.outcomes.num_rows]
