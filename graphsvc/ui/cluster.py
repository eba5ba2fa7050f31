"""One cluster: its facts, its evidence and what speaks against it, its members, its picture."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import flask
import numpy as np
from werkzeug import Response

from graphsvc.clusters.packs import pack_for
from graphsvc.clusters.results import AccountRow, ClusterRow, EvidenceRow
from graphsvc.clusters.verdict import cluster_verdict
from graphsvc.errors import BadInput, NotFound, Unavailable
from graphsvc.ui.parts import Parts
from graphsvc.ui.picture import Picture, drawn

MEMBERS = 100
NODES = 80
BINS = 20
DECISIONS = 20


@dataclass(frozen=True)
class Members:
    """One page of members, likeliest abusive first; `spread` counts all of them by twentieths of probability."""

    rows: list[AccountRow]
    first: int
    page: int
    pages: int
    spread: list[int]


@dataclass(frozen=True)
class Strength:
    """A piece of evidence; `share` is its bits by those of the strongest."""

    row: EvidenceRow
    share: float


def page(parts: Parts, cluster_id: str) -> str | Response:
    """The page; of a cluster that became part of another the way there. Raises NotFound where the last run has no such
    cluster."""
    try:
        return _page(parts, parts.results.cluster(cluster_id))
    except NotFound as error:
        if error.see:
            return flask.redirect(flask.url_for("pages.cluster", cluster_id=error.see, _anchor="history"))
        raise


def _page(parts: Parts, row: ClusterRow) -> str:
    results, cluster_id = parts.results, row.id
    evidence = results.evidence(cluster_id)
    members = results.members(cluster_id)
    decided = parts.decisions.store.about(cluster_id, [one.account_id for one in members], DECISIONS + 1)
    run = results.run()
    picture, missing = _picture(parts, cluster_id)
    return flask.render_template(
        "cluster.html",
        cluster=row,
        unknown=cluster_verdict(row.probability, row.probability_low, row.probability_high) == "unknown",
        run=run,
        evidence=_strengths([one for one in evidence if not one.counter]),
        against=[one for one in evidence if one.counter],
        members=_members(members),
        picture=picture,
        missing=missing,
        taken=results.taken(cluster_id),
        pack=pack_for(results, cluster_id),
        history=results.history(cluster_id),
        joined=results.campaign_links(cluster_id),
        decisions=parts.decisions.shown(decided[:DECISIONS], run.as_of_ms, run.created_ms),
        more_decisions=len(decided) > DECISIONS,
    )


def _strengths(rows: list[EvidenceRow]) -> list[Strength]:
    most = max((row.bits for row in rows), default=0.0) or 1.0
    return [Strength(row, max(0.0, row.bits / most)) for row in rows]


def _members(rows: list[AccountRow]) -> Members:
    pages = max(1, ceil(len(rows) / MEMBERS))
    asked = flask.request.args.get("page", "1")
    if not (asked.isascii() and asked.isdigit() and len(asked) < 9 and 1 <= int(asked) <= pages):
        raise BadInput(f"The members have pages 1 to {pages}.", pointer="/page")
    first = (int(asked) - 1) * MEMBERS
    ordered = sorted(rows, key=lambda row: (-row.probability, row.account_id))
    spread, _ = np.histogram([row.probability for row in rows], BINS, (0.0, 1.0))
    return Members(ordered[first : first + MEMBERS], first, int(asked), pages, spread.tolist())


def _picture(parts: Parts, cluster_id: str) -> tuple[Picture | None, str]:
    """The picture, or None and why there is none; the rest of the page needs no graph database."""
    try:
        found = parts.graph(cluster_id, NODES)
    except Unavailable as error:
        return None, str(error)
    return (drawn(found), "") if found.nodes else (None, "The graph database has not taken in this cluster yet.")
