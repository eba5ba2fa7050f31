"""Priors of identifier types, fitted from labels where there are any.

Of the other accounts that share an identifier with one that is known to be abusive, more are known to be abusive too
where one hand is behind the sharing. Bans are partial, so the share as such means little; held against the share for
devices, cards and telephones, which one hand shares if any, it tells how much of a type's rarity is evidence.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from graphsvc.links.view import LinkView
from graphsvc.links.weights import HUB_CUT, TYPES, Priors, weight_of

YARDSTICKS = tuple(name for name, weight in TYPES.items() if weight.prior >= 1.0)
SHIPPED_COUNTS = 50.0
"""The shipped prior weighs as much as this many identifiers of the log."""
ENOUGH = 30
"""Fewer identifiers of the yardstick types, and nothing is fitted."""
FACTOR_MAX = 2.0
"""A fit moves no prior further: whom a provider bans is no fair sample of who is abusive."""

Bools = npt.NDArray[np.bool_]


def fitted_priors(view: LinkView, abusive: Bools) -> Priors:
    """Prior by type, from the accounts known to be abusive (bool[N]) as of the view's time; the shipped ones, which an
    empty mapping stands for, where too few are known."""
    types = view.identifiers["type"].combine_chunks().dictionary_encode()
    names, code = types.dictionary.to_pylist(), types.indices.to_numpy()
    degree = view.identifiers["degree"].to_numpy()
    account, identifier = view.links["account"].to_numpy(), view.links["identifier"].to_numpy()
    bad = np.bincount(identifier, abusive[account], minlength=len(degree))
    use = (bad >= 1) & (degree >= 2) & (degree < HUB_CUT)
    others_bad = (bad[use] - 1) / (degree[use] - 1)
    base = float(abusive.mean()) if len(abusive) else 0.0
    count = np.bincount(code[use], minlength=len(names))
    excess = np.bincount(code[use], others_bad - base, minlength=len(names))
    yardstick = np.isin(names, YARDSTICKS)
    if count[yardstick].sum() < ENOUGH or excess[yardstick].sum() <= 0:
        return {}
    whole = excess[yardstick].sum() / count[yardstick].sum()
    share = np.clip(excess / np.maximum(count, 1) / whole, 0.0, 1.0)
    shipped = np.array([weight_of(name).prior for name in names])
    mean = (SHIPPED_COUNTS * shipped + count * share) / (SHIPPED_COUNTS + count)
    prior = np.clip(mean, shipped / FACTOR_MAX, np.minimum(shipped * FACTOR_MAX, np.maximum(shipped, 1.0)))
    return dict(zip(names, prior.tolist(), strict=True))
