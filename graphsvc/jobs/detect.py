"""Detection: from the ledger to scores, labelled clusters and their evidence."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.cases.decisions import DecisionStore
from graphsvc.clusters.campaigns import Joined, campaigns
from graphsvc.clusters.evidence import cluster_evidence
from graphsvc.clusters.ids import campaign_ids, stable_ids
from graphsvc.clusters.lifecycle import Look, carried, look_of
from graphsvc.clusters.material import Material, material_of
from graphsvc.clusters.results import Campaigns, Past, Results, ResultsReader, Run, Verdicts, results_of, write_results
from graphsvc.clusters.strength import strengths
from graphsvc.config import Settings
from graphsvc.jobs import drift
from graphsvc.jobs.answers import keep_for_answers
from graphsvc.jobs.beside import Beside
from graphsvc.jobs.memory import kept_memory
from graphsvc.jobs.models import load_model
from graphsvc.jobs.observe import Observed, Report, latest_ms, observe, sync_tables
from graphsvc.jobs.shadow import judge_beside
from graphsvc.jobs.watch import Watch
from graphsvc.ledger import open_ledger
from graphsvc.links.engine import Engine, engine_of
from graphsvc.links.tables import LinkTables
from graphsvc.links.weights import encoded


@dataclass(frozen=True)
class Detection:
    """A finished run. `published` says whether the service now shows it: a look into the past never replaces a later
    look."""

    results: Results
    published: bool

    @property
    def accounts(self) -> int:
        return int(self.results.accounts.num_rows)

    @property
    def clusters(self) -> int:
        return int(self.results.clusters.num_rows)


def detect(settings: Settings, as_of_ms: int | None, report: Report) -> Detection:
    """Scores every account seen by `as_of_ms` and labels the clusters; by default as of the last moment at which
    something occurred or was decided."""
    with engine_of(settings.engine, settings.spark_heap) as engine, kept_memory():
        return _detect(settings, as_of_ms, report, engine)


def _detect(settings: Settings, as_of_ms: int | None, report: Report, engine: Engine) -> Detection:
    places = settings.places.create()
    reader = ResultsReader(places.results)
    with Beside() as beside:
        with closing(open_ledger(settings)) as ledger:
            tables = LinkTables(places.links)
            sync_tables(tables, ledger, report)
            decisions = DecisionStore(places.cases)
            moment_ms = max(latest_ms(tables, ledger), decisions.mark()[1]) if as_of_ms is None else as_of_ms
            decided = decisions.pairs(moment_ms)
            previous = reader if reader.current() and reader.run().as_of_ms <= moment_ms else None
            published = previous is not None or not reader.current()
            observed = observe(tables, ledger, moment_ms, report, decided, engine, published, beside.do)
        results = _judge(settings, tables, observed, previous, published, report, engine)
    if published:
        report("writing", 0.95)
        with ThreadPoolExecutor(1) as beside:
            kept = beside.submit(keep_for_answers, settings, observed.view, results)
            write_results(places.results, results, kept.result)
    report("done", 1.0)
    return Detection(results, published)


def _judge(
    settings: Settings,
    tables: LinkTables,
    observed: Observed,
    previous: ResultsReader | None,
    published: bool,
    report: Report,
    engine: Engine,
) -> Results:
    from gnn.labels import KNOWN_BAD, known
    from gnn.predict import predict

    model = load_model(settings.places.active_model)
    report("scoring accounts", 0.6)
    network = observed.network
    watch = Watch(model, drift.read(settings.places), observed.view.as_of_ms)
    prediction = watch.said(predict(model, network, watch.see))
    prediction = replace(prediction, clusters=observed.shown(prediction.clusters))
    if published:
        drift.keep(settings.places, watch.kept())
    judge_beside(settings.places, observed, model.version, prediction, report)
    report("gathering evidence", 0.85)
    view = observed.view
    account_ids = view.accounts["account_id"].to_pylist()
    confirmed = known(network).bad >= KNOWN_BAD
    # Arrays on one core while the other reads what was, and what was taken, in words of Python and SQL.
    with ThreadPoolExecutor(1) as beside:
        gathering = beside.submit(_gathered, observed, prediction.clusters, prediction.cluster_probability)
        ids = stable_ids(previous, account_ids, prediction.clusters, view.as_of_ms)
        before = Before.of(previous)
        taken = tables.taken(view.as_of_ms, view.accounts["account_id"], prediction.clusters, engine)
        gathered = gathering.result()
    results = results_of(
        run=Run(view.as_of_ms, observed.offset, model.version, int(time.time() * 1000)),
        view=view,
        clusters=prediction.clusters,
        ids=ids,
        verdicts=Verdicts(
            accounts=prediction.account_probability,
            clusters=prediction.cluster_probability,
            low=prediction.cluster_low,
            high=prediction.cluster_high,
            kinds=prediction.cluster_kind,
        ),
        evidence=gathered.evidence,
        confirmed=confirmed,
        statuses=previous.statuses() if previous is not None else None,
        strengths=gathered.strengths,
        campaigns=Campaigns(
            campaign_ids(previous, account_ids, prediction.clusters, gathered.joined.campaign, view.as_of_ms),
            gathered.joined.links,
        ),
    )
    return with_past(results, before, replace(gathered.material, taken=taken))


@dataclass(frozen=True)
class Before:
    """What the previous run carried over, and that run itself; None where there was none."""

    past: Past = field(default_factory=Past)
    look: Look | None = None

    @staticmethod
    def of(previous: ResultsReader | None) -> Before:
        return Before(previous.past(), previous.look()) if previous is not None else Before()


@dataclass(frozen=True)
class Gathered:
    """What speaks for the clusters and against them: campaigns, evidence, how firmly accounts belong, material."""

    joined: Joined
    evidence: pa.Table
    strengths: npt.NDArray[np.float32]
    material: Material


def _gathered(observed: Observed, clusters: npt.NDArray[np.int32], probability: npt.NDArray[np.float32]) -> Gathered:
    view = replace(observed.view, identifiers=encoded(observed.view.identifiers))
    return Gathered(
        joined=campaigns(view, clusters, probability),
        evidence=cluster_evidence(view, clusters, observed.pairs, observed.priors),
        strengths=strengths(observed.pairs, clusters),
        material=material_of(view, clusters, observed.pairs, observed.priors),
    )


def with_past(results: Results, before: Before, material: Material) -> Results:
    """The results with what became of clusters since the previous run, and what their evidence packs are made of."""
    ids = results.clusters["id"]
    things = material.things.append_column("cluster_id", ids.take(material.things["cluster"]))
    return replace(results, past=carried(before.past, before.look, look_of(results), things), material=material)


def write_scores(path: Path, results: Results) -> None:
    """The contract's scores file: account_id,score for every account seen, in order of account_id."""
    accounts = results.accounts
    scores = (f"{score:.6f}" for score in accounts["probability"].to_pylist())
    _write(path, ("account_id", "score"), zip(accounts["account_id"].to_pylist(), scores, strict=True))


def write_clusters(path: Path, results: Results) -> None:
    """The contract's clusters file: cluster_id,account_id,kind,probability, one row a member."""
    clusters = results.clusters
    facts = {
        name: (kind, f"{probability:.6f}")
        for name, kind, probability in zip(
            clusters["id"].to_pylist(), clusters["kind"].to_pylist(), clusters["probability"].to_pylist(), strict=True
        )
    }
    members = results.accounts.filter(pc.is_valid(results.accounts["cluster_id"]))
    ordered = members.sort_by([("cluster_id", "ascending"), ("account_id", "ascending")])
    pairs = zip(ordered["cluster_id"].to_pylist(), ordered["account_id"].to_pylist(), strict=True)
    header = ("cluster_id", "account_id", "kind", "probability")
    _write(path, header, ((cluster, account, *facts[cluster]) for cluster, account in pairs))


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> None:
    draft = path.with_name(f".{path.name}.unfinished")
    with draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    draft.replace(path)
