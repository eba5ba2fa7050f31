"""Everything that is compiled, called once before there are threads: to compile it, or to load it, takes seconds, and
several first calls at once are not safe (Numba's documentation promises that of later ones only).
"""

from __future__ import annotations

from graphsvc.events.record import Identifier, LabelRecord, Record
from graphsvc.risk.base import empty_base
from graphsvc.risk.follow import judge
from graphsvc.risk.index import Index
from graphsvc.risk.labels import LabelBook
from graphsvc.risk.overlay import LEAST
from graphsvc.risk.score import Scorer, network_probability
from graphsvc.risk.seen import Seen


def rehearse(scorer: Scorer) -> None:
    """Counts, labels and judges in an index of its own."""
    index = Index(empty_base(0.5), LabelBook(), 0)
    shares = (Identifier("ip", "1"), Identifier("conversation", "2"), Identifier("org", "3"))
    some = [Record("", "enforcement", name, 1, 1, identifiers=shares, action="banned") for name in ("a", "b")]
    # More than an index begins with room for: it has to grow.
    many = [Record("", "login", f"c{place}", 1, 1, identifiers=shares) for place in range(LEAST)]
    for records in (some, many):
        gained = index.apply(records)[:2]
        judge(index, gained, scorer)
        for account in gained:
            index.raise_probability(account, 0.9)
    index.apply_answered(some[0], index.keyed("d", shares), 0.9)
    index.apply_labels([LabelRecord("a", "benign", 1, "rehearsal")])
    network_probability(index.look(index.key("b"), shares), scorer)
    seen = Seen(1)
    seen.whole = True
    seen.add(("a",))
    seen.may_hold("b")
