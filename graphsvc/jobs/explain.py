"""Why one account scores as it does: its network as of a moment, under the whole model, link by link."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from graphsvc.cases.decisions import DecisionStore
from graphsvc.clusters.results import ResultsReader
from graphsvc.clusters.verdict import Verdict, account_verdict, cluster_verdict
from graphsvc.config import Settings
from graphsvc.errors import NotFound
from graphsvc.jobs.models import load_model
from graphsvc.jobs.observe import Report, latest_ms, observe, sync_tables
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables

if TYPE_CHECKING:
    from gnn.explain import Carrier, Explanation
    from gnn.network import Network


class LinkSaid(Struct, frozen=True):
    """One link: the keyed identifier (null for a direct tie), the bits it is worth, by how much the log odds fall
    without it, and the accounts that share it, of which `accounts` lists some."""

    type: str
    id: str | None
    bits: float
    log_odds: float
    accounts_count: int
    accounts: list[str]


class GroupSaid(Struct, frozen=True):
    """By how much the log odds fall without all `links` of one evidence group."""

    group: str
    links: int
    log_odds: float


class NeighbourSaid(Struct, frozen=True):
    """Another account, the bits that it shares, and by how much the log odds fall where it shares nothing."""

    account_id: str
    bits: float
    log_odds: float


class FactSaid(Struct, frozen=True):
    """What a fact of the account's own behaviour adds to the log odds of the model's trees."""

    name: str
    log_odds: float


class WithoutSaid(Struct, frozen=True):
    """The fewest links without which the account is not flagged, by their places among `links`. `proven` says that no
    smaller set does it."""

    links: list[int]
    probability: float
    proven: bool


class AccountSaid(Struct, frozen=True):
    """Why an account scores as it does. `verdict` is unknown where the account, or its cluster in the detection shown,
    cannot be told; as of another moment it goes by the account's own odds alone. `own_log_odds` is what is left without
    any link; `difference` by how much the log odds of the part that was looked at, `accounts_read` accounts, differ
    from those of the whole network."""

    account_id: str
    as_of_ms: int
    model_version: str
    probability: float
    verdict: Verdict
    flagged: bool
    log_odds: float
    own_log_odds: float
    accounts_read: int
    difference: float
    links: list[LinkSaid]
    groups: list[GroupSaid]
    neighbours: list[NeighbourSaid]
    own: list[FactSaid]
    counterfactual: WithoutSaid | None


def explain_account(settings: Settings, account_id: str, as_of_ms: int | None, report: Report) -> AccountSaid:
    """Explains the score of one account, by default as of the detection that the service shows, else as of the last
    known moment. Raises NotFound where no event of the account occurred by then."""
    from gnn.around import judged
    from gnn.explain import explain

    places = settings.places.create()
    with closing(open_ledger(settings)) as ledger:
        tables = LinkTables(places.links)
        sync_tables(tables, ledger, report)
        shown = ResultsReader(places.results)
        if as_of_ms is None:
            as_of_ms = shown.run().as_of_ms if shown.current() else latest_ms(tables, ledger)
        decided = DecisionStore(places.cases).pairs(as_of_ms)
        network = observe(tables, ledger, as_of_ms, report, decided).network
    row = pc.index(network.accounts["account_id"], pa.scalar(account_id, pa.string())).as_py()
    if row < 0:
        raise NotFound("No event of this account was seen by that time.")
    model = load_model(places.active_model)
    report("scoring accounts", 0.6)
    whole = judged(model, network)
    report("leaving out links", 0.8)
    found = explain(whole, row)
    verdict = account_verdict(found.probability, _cluster_verdict(shown, account_id, as_of_ms))
    report("done", 1.0)
    return _said(found, verdict, network, model.version)


def _cluster_verdict(shown: ResultsReader, account_id: str, as_of_ms: int) -> Verdict | None:
    """What the detection shown says of the account's cluster; None where it was of another moment, or there is none."""
    if not shown.current() or shown.run().as_of_ms != as_of_ms:
        return None
    try:
        cluster_id = shown.account(account_id).cluster_id
        row = shown.cluster(cluster_id) if cluster_id else None
    except NotFound:
        return None
    return cluster_verdict(row.probability, row.probability_low, row.probability_high) if row is not None else None


def _said(found: Explanation, verdict: Verdict, network: Network, version: str) -> AccountSaid:
    ids, without = network.accounts["account_id"], found.counterfactual
    return AccountSaid(
        account_id=ids[found.account].as_py(),
        as_of_ms=network.as_of_ms,
        model_version=version,
        probability=round(found.probability, 6),
        verdict=verdict,
        flagged=found.flagged,
        log_odds=round(found.log_odds, 3),
        own_log_odds=round(found.own_log_odds, 3),
        accounts_read=found.accounts_read,
        difference=round(found.part_log_odds - found.log_odds, 4),
        links=[_link(one, network) for one in found.links],
        groups=[GroupSaid(one.group, one.links, round(one.drop, 3)) for one in found.groups],
        neighbours=[NeighbourSaid(ids[one.account].as_py(), one.bits, round(one.drop, 3)) for one in found.neighbours],
        own=[FactSaid(one.name, round(one.log_odds, 3)) for one in found.own],
        counterfactual=WithoutSaid(list(without.links), round(without.probability, 6), without.proven)
        if without is not None
        else None,
    )


def _link(one: Carrier, network: Network) -> LinkSaid:
    return LinkSaid(
        type=one.type,
        id=network.identifiers["id"][one.identifier].as_py() if one.identifier >= 0 else None,
        bits=round(one.bits, 2),
        log_odds=round(one.drop, 3),
        accounts_count=one.others_count,
        accounts=sorted(network.accounts["account_id"].take(pa.array(one.others, pa.int64())).to_pylist()),
    )
