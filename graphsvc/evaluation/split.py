"""Ways of judging that are fitted on a log's own earlier part and held to its later part and to other operators.

They are fitted on the network as it was at moments before SHARE of the log's events had occurred, with labels decided
by then and nothing else; the truth never trains. They judge, at the end, the accounts that came after. Operators and
units of innocents are dealt into folds: an account is judged by a model from whose network its fold was left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.stats import rankdata

from gnn.targets import deal
from graphsvc.config import Settings
from graphsvc.evaluation.figures import MethodFigures
from graphsvc.events.record import LabelRecord
from graphsvc.jobs.adapt import LABELS_NEEDED
from graphsvc.jobs.observe import Report, label_table, observed, quiet, sync_tables
from graphsvc.jobs.train import LOOKS, refuse_protected
from graphsvc.ledger import open_ledger
from graphsvc.links import asking
from graphsvc.links.tables import LinkTables
from graphsvc.links.thin import among, timeless, without
from graphsvc.links.view import LinkView

if TYPE_CHECKING:
    from gnn.ensemble import Model
    from gnn.judgement import Judgement
    from gnn.network import Network
    from gnn.targets import Example
    from gnn.train import TrainConfig
    from graphsvc.evaluation.truth import Truth

SHARE = 0.6
"""Of the log's events: by the clock, a few accounts from long before would put the split before all the rest."""
FOLDS = 3
SEED = 0
STEPS = 160
"""Updates of each network: enough on one log's few looks, and all variants are done in minutes."""

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Variant:
    """What the model may see: without these identifier types and facts, and perhaps without any time."""

    name: str
    what: str
    types: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    timeless: bool = False

    def of(self, view: LinkView) -> LinkView:
        """The view as this variant sees it."""
        seen = without(view, self.types, self.facts)
        return timeless(seen) if self.timeless else seen


FULL = Variant("full", "graph networks and trees over everything")
VARIANTS = (
    Variant(
        "without prompts",
        "as full, without prompt families, conversations and what is counted of prompts",
        ("prompt_family", "prompt_frame", "conversation", "conversation_in_org"),
        ("prompts", "prompt_families", "family_repeat_share", "conversations", *asking.FACTS),
    ),
    Variant(
        "without payments",
        "as full, without instruments, card issuers and what is counted of payments",
        ("instrument", "bin"),
        ("payments", "declined_share", "charged_back_share", "prepaid_share"),
    ),
    Variant(
        "without timing",
        "as full, without any time: signups, bursts, rhythm, age",
        (),
        ("active_days", "hour_entropy", "gap_cv"),
        timeless=True,
    ),
    FULL,
)


@dataclass(frozen=True)
class Split:
    """What each way of judging reached; where nothing could be fitted there is none, and `why_none` says why."""

    methods: tuple[MethodFigures, ...]
    why_none: str = ""


@dataclass(frozen=True)
class Material:
    """What methods are fitted on and held to: `early` views up to `split_ms`, and `late` the view at the end, with all
    `labels` decided by then. `fold` gives each account's by its id, `judged` bool[N] the rows of `late` that count and
    `truth` theirs; `attributes` are those of the caller's own that a model of the deployment sees."""

    split_ms: int
    early: tuple[LinkView, ...]
    late: LinkView
    labels: tuple[LabelRecord, ...]
    fold: dict[str, int]
    judged: Bools
    truth: Truth
    attributes: tuple[str, ...] = ()

    def folds(self, view: LinkView) -> Longs:
        """int64[accounts of the view]."""
        ids = view.accounts["account_id"].to_pylist()
        return np.fromiter((self.fold[one] for one in ids), np.int64, len(ids))

    def decided(self, by_ms: int) -> list[LabelRecord]:
        return [label for label in self.labels if label.decided_ms <= by_ms]


def ablations(settings: Settings, truth: Truth, end_ms: int, report: Report) -> Split:
    """Rules, trees, networks, the whole model, and the model without one kind of evidence, fitted up to the split and
    held to what came after. `truth` has a row for each account that was seen by `end_ms`, in the order of their ids."""
    from gnn.errors import ModelError

    material = material_of(settings, truth, end_ms, report)
    why_none = _lacking(material)
    if why_none:
        return Split((), why_none)
    try:
        return Split(tuple(_methods(material, report)))
    except ModelError as error:
        return Split((), error.message)


def material_of(settings: Settings, truth: Truth, end_ms: int, report: Report) -> Material:
    """The material of a data folder's log; `truth` as for `ablations`."""
    refuse_protected(settings.attributes)
    with closing(open_ledger(settings)) as ledger:
        tables = LinkTables(settings.places.links)
        sync_tables(tables, ledger, report)
        split_ms = tables.moments((SHARE,), end_ms)[0]
        early = tuple(tables.view(moment) for moment in sorted(set(tables.moments(LOOKS, split_ms))))
        late = tables.view(end_ms)
        labels = tuple(stored.label for stored in ledger.labels(end_ms))
    judged = truth.known & (late.accounts["created_ms"].to_numpy() > split_ms)
    fold = folds_of(truth.unit, truth.abusive, FOLDS, SEED)
    ids = late.accounts["account_id"].to_pylist()
    fold_of = dict(zip(ids, fold.tolist(), strict=True))
    return Material(split_ms, early, late, labels, fold_of, judged, truth.rows(judged), settings.attributes)


def folds_of(unit: Longs, abusive: Bools, folds: int, seed: int) -> Longs:
    """int64[N]: units dealt out whole, as training deals operators."""
    return deal(np.unique(unit, return_inverse=True)[1], abusive, folds, seed)


def _lacking(material: Material) -> str:
    """Why there is nothing to fit or to judge; empty where there is."""
    seen = set(material.early[-1].accounts["account_id"].to_pylist()) if material.early else set()
    labels = [label for label in material.decided(material.split_ms) if label.account_id in seen]
    abusive = sum(label.verdict == "abusive" for label in labels)
    if len(labels) < LABELS_NEEDED or not abusive:
        return (
            f"Only {len(labels)} labels, {abusive} of them of abusive accounts, were decided by the time that "
            f"{SHARE:.0%} of the events had occurred; {LABELS_NEEDED} and one are needed to fit anything on them."
        )
    if not material.judged.any():
        return f"No account that the truth names signed up after {SHARE:.0%} of the events had occurred."
    return ""


def _methods(material: Material, report: Report) -> Iterator[MethodFigures]:
    from gnn.judgement import by_model, by_network, by_trees
    from gnn.rules import by_rules

    whole = network_at_end(FULL, material)
    yield _figures("rules", "rules of a fraud team, nothing fitted", material, whole, [by_rules(whole)] * FOLDS)
    models: list[Model] = []
    for number, variant in enumerate(VARIANTS):
        models = []
        for fold in range(FOLDS):
            report(f"fitting {variant.name}", (number + fold / FOLDS) / len(VARIANTS))
            models.append(_fitted(variant, material, fold))
        network = network_at_end(variant, material)
        yield _figures(variant.name, variant.what, material, network, [by_model(model, network) for model in models])
    for name, what, by in (
        ("trees", "boosted trees over the same features, without the networks", by_trees),
        ("network", "graph networks, without the trees", by_network),
    ):
        yield _figures(name, what, material, whole, [by(model, whole) for model in models])


def network_at_end(variant: Variant, material: Material) -> Network:
    """The network at the end. Labels and bans of the accounts that are judged are not in it: through their neighbours
    they would come back to them."""
    view = variant.of(material.late)
    banned = np.where(material.judged, np.float32(0), view.accounts["banned"].to_numpy())
    place = view.accounts.schema.get_field_index("banned")
    view = replace(view, accounts=view.accounts.set_column(place, "banned", pa.array(banned, pa.float32())))
    judged = set(view.accounts["account_id"].filter(pa.array(material.judged)).to_pylist())
    labels = [label for label in material.labels if label.account_id not in judged]
    return observed(view, label_table(view, labels), 0).network


def _fitted(variant: Variant, material: Material, fold: int) -> Model:
    from gnn.train import train

    return train(examples_of(variant, material, fold), config_for(material), quiet)


def config_for(material: Material) -> TrainConfig:
    """How a model is fitted: with the attributes that one of the deployment has."""
    from gnn.train import TrainConfig

    return TrainConfig(
        seed=SEED,
        folds=2,
        steps=STEPS,
        evaluate_every=STEPS // 10,
        device="cpu",
        attributes=material.attributes,
    )


def examples_of(variant: Variant, material: Material, fold: int) -> list[Example]:
    """What a model is fitted on: the early networks without a trace of the accounts of one fold."""
    from gnn.targets import Example

    examples = []
    for whole in material.early:
        view = variant.of(among(whole, material.folds(whole) != fold))
        known = label_table(view, material.decided(whole.as_of_ms))
        outcomes = label_table(view, material.decided(material.split_ms))
        examples.append(Example(observed(view, known, 0).network, outcomes))
    return examples


def _figures(
    name: str, what: str, material: Material, network: Network, judgements: Sequence[Judgement]
) -> MethodFigures:
    """Each account by the judgement of its own fold. A cluster counts once for each fold that has members in it."""
    from gnn.judgement import Judgement
    from graphsvc.evaluation.measure import method_figures

    fold = material.folds(material.late)[material.judged]
    account = levelled(np.stack([one.account for one in judgements]))[fold, np.flatnonzero(material.judged)]
    cluster = levelled(np.stack([one.cluster for one in judgements])).T.reshape(-1)
    inside = network.clusters[material.judged].astype(np.int64)
    clusters = np.where(inside >= 0, inside * FOLDS + fold, -1)
    return method_figures(name, what, material.truth, Judgement(account, cluster), clusters)


def levelled(scores: Floats) -> Floats:
    """float32[K, N] from the scores of K models for the same N: each keeps its order and takes the values that all of
    them have on average at that place (quantile normalisation, Bolstad et al. 2003). Models that were calibrated on a
    handful of operators each agree on who comes first, and hardly on how probable that makes it."""
    if not scores.shape[1]:
        return scores
    values = np.sort(scores, axis=1).mean(axis=0)
    places = rankdata(scores, axis=1) - 1.0
    return np.asarray(np.interp(places, np.arange(len(values)), values), dtype=np.float32)
