"""Learning to foresee: each network is shown without labels, and only what was decided after its time is to be learnt.

For logs whose attributes or direct links tell of the decisions themselves, such as ratings or chargebacks: a model that
may learn what was decided by then would only read it off them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gnn.network import Network, column, no_labels
from gnn.targets import Example

_DECIMALS = 6
"""Sums of the same confidences in another order are equal to so many."""


def unlabelled(network: Network) -> Network:
    """The network as a model that foresees reads it."""
    return replace(network, labels=no_labels())


def forecasts(examples: Sequence[Example]) -> list[Example]:
    """The examples as there is something to foresee in them: outcomes from after their network's time, one an account,
    see `voted`."""
    later = [
        replace(
            one,
            network=unlabelled(one.network),
            outcomes=voted(
                one.outcomes.filter(pc.greater(one.outcomes["decided_ms"], one.network.as_of_ms)),
                one.network.account_count,
            ),
        )
        for one in examples
    ]
    return [one for one in later if one.outcomes.num_rows]


def voted(labels: pa.Table, accounts: int) -> pa.Table:
    """LABEL_SCHEMA with one label an account: what most say of it, each by its confidence. The label's own confidence
    is by how much they are more, as a share of all; where neither side is more there is none. All else is that of the
    most confident one on that side, of equals the one decided last.

    One angry customer among fifty content ones makes no swindler, however sure of it he is. Where each label is a
    review of its own the most confident counts alone, see gnn.labels.settle."""
    account, confidence = column(labels, "account", np.int64), column(labels, "confidence", np.float64)
    against = pc.equal(labels["verdict"], "abusive").to_numpy(zero_copy_only=False)
    votes = np.bincount(account, np.where(against, confidence, -confidence), minlength=accounts).round(_DECIMALS)
    total = np.bincount(account, confidence, minlength=accounts)
    order = np.lexsort((column(labels, "decided_ms", np.int64), confidence))
    order = order[np.where(against, votes[account] > 0, votes[account] < 0)[order]]
    strongest = np.full(accounts, -1, dtype=np.int64)
    strongest[account[order]] = order
    rows = strongest[strongest >= 0]
    margin = np.abs(votes[account[rows]]) / total[account[rows]]
    place = labels.schema.get_field_index("confidence")
    return labels.take(pa.array(rows)).set_column(place, "confidence", pa.array(margin.astype(np.float32)))
