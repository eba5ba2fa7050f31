"""A view with less in it, as of a provider that records less: some identifier types and facts left out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.links.view import LinkView


def without(view: LinkView, types: Collection[str], facts: Collection[str]) -> LinkView:
    """The view without identifiers of these types, and with these facts of accounts unknown (0)."""
    kept = pc.invert(pc.is_in(view.identifiers["type"], value_set=pa.array(list(types), pa.string())))
    mask = kept.combine_chunks().to_numpy(zero_copy_only=False)
    row = np.cumsum(mask, dtype=np.int32) - 1
    old = view.links["identifier"].to_numpy()
    links = view.links.filter(pa.array(mask[old]))
    place = links.schema.get_field_index("identifier")
    links = links.set_column(place, "identifier", pa.array(row[links["identifier"].to_numpy()], pa.int32()))
    accounts = view.accounts
    for name in facts:
        unknown = pa.array(np.zeros(len(accounts), np.float32))
        accounts = accounts.set_column(accounts.schema.get_field_index(name), name, unknown)
    return replace(view, accounts=accounts, identifiers=view.identifiers.filter(kept), links=links)
