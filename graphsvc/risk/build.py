"""Making the base that answers start from, in a process of its own: `python -m graphsvc.risk.build MODEL`.

A detection leaves the base behind; this is for a folder where none did. It takes minutes for a million accounts and
gives way to whoever answers.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import structlog

from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings, load_settings
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables
from graphsvc.risk.follow import Sources, make_base
from graphsvc.risk.keys import seed_of
from graphsvc.risk.priority import give_way
from graphsvc.risk.score import load_scorer
from graphsvc.risk.snapshot import Kept, Snapshots

log = structlog.get_logger("risk")


def made(settings: Settings, model: Path) -> Kept:
    """The base that fits what lies in the data folder and the model in this one, kept there; one that somebody else
    made meanwhile is as good."""
    places, seed = settings.places.create(), seed_of(settings)
    snapshots = Snapshots(places.risk, seed)
    scorer, _ = load_scorer(model)
    with closing(open_ledger(settings)) as ledger, snapshots.making():
        sources = Sources(ledger, LinkTables(places.links), ResultsReader(places.results))
        wanted = sources.wanted(scorer)
        known = snapshots.open(wanted)
        if known is not None:
            return known
        kept = make_base(sources, scorer, seed)
        snapshots.keep(kept.base, wanted.run, kept.moment_ms, kept.label_offset)
        return kept


def main() -> None:
    give_way()
    kept = made(load_settings(), Path(sys.argv[1]))
    log.info("risk_base_made", accounts=len(kept.base), offset=kept.base.offset)


if __name__ == "__main__":
    main()
