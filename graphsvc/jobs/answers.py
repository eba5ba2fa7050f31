"""What a detection leaves behind for those who answer: the base of the risk index, so that nobody makes it anew."""

from __future__ import annotations

from contextlib import closing

import structlog

from graphsvc.clusters.results import Results
from graphsvc.config import Settings
from graphsvc.ledger import open_ledger
from graphsvc.links.view import LinkView
from graphsvc.risk.follow import keep_base
from graphsvc.risk.keys import seed_of
from graphsvc.risk.score import load_scorer
from graphsvc.risk.snapshot import Snapshots

log = structlog.get_logger("detect")


def keep_for_answers(settings: Settings, view: LinkView, results: Results) -> None:
    """Keeps the base before the results are shown, so that it is there when they are. Where it cannot be written the
    results stand all the same, and whoever answers makes it from the tables."""
    places, seed = settings.places, seed_of(settings)
    scorer, _ = load_scorer(places.active_model)
    try:
        with closing(open_ledger(settings)) as ledger:
            keep_base(Snapshots(places.risk, seed), view, results, ledger, scorer, seed)
    except OSError as error:
        log.warning("risk_base_not_kept", error=type(error).__name__)
