"""The cost of evasion: operators give up one kind of sharing after another; what is still found, and what they pay."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from graphsvc.config import Settings
from graphsvc.errors import BadUsage
from graphsvc.evaluation.figures import EvasionStep
from graphsvc.evaluation.measure import method_figures
from graphsvc.evaluation.truth import Truth, read_truth
from graphsvc.evaluation.worlds import Worlds, made_world
from graphsvc.jobs.models import load_model
from graphsvc.jobs.observe import Report, latest_ms, observe, quiet
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables

if TYPE_CHECKING:
    from gnn.ensemble import Model
    from gnn.judgement import Judgement
    from graphsvc.simulate.spec import WorldSpec

NOTHING = "nothing"

Longs = npt.NDArray[np.int64]
Seen = tuple[Truth, "Judgement", Longs]
"""The truth of a world's accounts at its end, how they were judged, and their clusters."""


def cost_of_evasion(
    settings: Settings, worlds: Worlds, report: Report, kinds: Sequence[str] | None = None
) -> tuple[EvasionStep, ...]:
    """Steps from a world whose operators share all that they like to one in which they share nothing: each gives up one
    more of `kinds`, by default all of graphsvc.simulate.evade.KINDS in their order. Accounts of all worlds given are
    judged together. Raises BadUsage as `evaders` does."""
    from graphsvc.simulate.evade import KINDS, giving_up

    model, specs = load_model(settings.places.active_model), evaders(worlds)
    share_all = _cost(specs)
    steps = []
    order = tuple(KINDS if kinds is None else kinds)
    for given_up, name in enumerate((NOTHING, *order)):
        report(f"giving up {name}", given_up / (len(order) + 1))
        changed = [giving_up(spec, order[:given_up]) for spec in specs]
        figures = method_figures(name, "", *together([_judged(settings, model, spec) for spec in changed]))
        cost = _cost(changed)
        steps.append(EvasionStep(name, cost, cost / share_all, figures.accounts.recall_at_fpr_1, figures.ring_recall))
    return tuple(steps)


def evaders(worlds: Worlds) -> list[WorldSpec]:
    """Those of the worlds that have operators. Raises BadUsage where none has."""
    specs = [spec for spec in worlds.specs() if spec.operators]
    if not specs:
        raise BadUsage("None of the worlds has operators who could evade.", hint="Name one that has, such as plain.")
    return specs


def _cost(specs: Sequence[WorldSpec]) -> float:
    """Dollars an account and month of operators, by the part that each has in the worlds."""
    from graphsvc.simulate.prices import cost_per_account

    parts = [(part, cost_per_account(spec.archetypes[name])) for spec in specs for name, part in spec.operators.items()]
    return sum(part * cost for part, cost in parts) / sum(part for part, _ in parts)


def _judged(settings: Settings, model: Model, spec: WorldSpec) -> Seen:
    from gnn.judgement import Judgement
    from gnn.predict import predict

    with made_world(settings, spec) as (own, truth), closing(open_ledger(own)) as ledger:
        tables = LinkTables(own.places.links)
        network = observe(tables, ledger, latest_ms(tables, ledger), quiet).network
        told = read_truth(truth, network.accounts["account_id"].to_pylist())
        said = predict(model, network)
        judgement = Judgement(said.account_probability, said.cluster_probability)
        return told, judgement, said.clusters.astype(np.int64)


def together(worlds: Sequence[Seen]) -> Seen:
    """Several worlds as one: nothing is shared between them."""
    from gnn.judgement import Judgement

    truths, judgements, clusters = zip(*worlds, strict=True)
    rings = _starts([len(truth.ring_names) for truth in truths])
    found = _starts([len(judgement.cluster) for judgement in judgements])
    truth = Truth(
        abusive=np.concatenate([truth.abusive for truth in truths]),
        ring=_apart([truth.ring for truth in truths], rings),
        ring_names=tuple(f"{number}\x1f{name}" for number, truth in enumerate(truths) for name in truth.ring_names),
        unit=_apart([truth.unit for truth in truths], _starts([int(truth.unit.max()) + 1 for truth in truths])),
        person=_apart([truth.person for truth in truths], _starts([int(truth.person.max()) + 1 for truth in truths])),
        kind=np.concatenate([truth.kind for truth in truths]),
        group=np.concatenate([truth.group for truth in truths]),
        known=np.concatenate([truth.known for truth in truths]),
    )
    judgement = Judgement(
        np.concatenate([one.account for one in judgements]), np.concatenate([one.cluster for one in judgements])
    )
    return truth, judgement, _apart(clusters, found)


def _starts(sizes: Sequence[int]) -> Longs:
    return np.cumsum([0, *sizes[:-1]], dtype=np.int64)


def _apart(numbers: Sequence[Longs], starts: Longs) -> Longs:
    """Numbers of several worlds, moved so that they do not meet; -1 stays."""
    parts = [np.where(part >= 0, part + start, -1) for part, start in zip(numbers, starts.tolist(), strict=True)]
    return np.concatenate(parts)
