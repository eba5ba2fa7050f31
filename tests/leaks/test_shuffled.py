"""Training on shuffled labels learns nothing, held-out operators say so, and nobody is accused with confidence.

Labels are shuffled twice, by what may be exchanged. *Over accounts*: every account has one label, so that who is
labelled says nothing either (unlabelled accounts near an abusive one are left out of learning and would tell). *Over
units* (a ring, an office, a household, one person): a whole unit is called abusive or not, by a lot drawn within units
of like size, since rings are larger than households and a lot over all units would leave their size in the labels. All
units carry a case's name here; units of innocents do so in no real log, and training then splits a campus or an office
over its folds and takes what it knows of one half for skill on the other.

**The band.** Of P abusive and Q other accounts the AUROC at chance has the standard error sqrt((P + Q + 1) / 12PQ)
(Mann and Whitney 1947): 0.032 of 100 and 400. The pooled folds differ in their share of abusive accounts, which pushes
figures at chance below one half (Parker, Günter and Bedo 2007, stratification bias) and adds to their spread: over
seven seeds 0.49 with a standard deviation of 0.04. A leak can only push up. So the mean of the seeds must lie below one
half by no more than 0.12 and above it by no more than four standard errors of a mean whose accounts count once. Of
units there are fewer: a unit's accounts stand and fall together, and the spread over seven seeds was 0.08.

**What can fail.** An identifier that only accounts with a shuffled "abusive" have is a leak planted by hand: the same
pipeline must find it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from gnn.ensemble import Model
from gnn.evaluate import auroc
from gnn.network import Network
from gnn.predict import predict
from gnn.train import TrainConfig, train
from graphsvc.config import Settings
from graphsvc.jobs.observe import label_table, observe, sync_tables
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables
from tests.leaks.conftest import Made, make
from tests.leaks.judged import deployment, quiet
from tests.leaks.logs import JsonObject, Log, rfc3339

pytestmark = pytest.mark.xdist_group("leaks_shuffled")

SEEDS = (1, 2)
BELOW = 0.12
SIZES = (1, 3, 8, 10_000)
CALLED_ABUSIVE = 0.3
"""Share of units of every size that a lot calls abusive."""
CONFIDENT = 0.5
Verdicts = Mapping[str, bool]


@dataclass(frozen=True)
class Figures:
    """`held_out`: AUROC on held-out operators of the whole and of the networks alone, against the labels given. Of a
    fresh world: `fresh` AUROC against its truth, the highest probability of an account and of a cluster."""

    held_out: tuple[float, float]
    fresh: float
    account_max: float
    cluster_max: float


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, np.ndarray]:
    """Another world, without labels, and which of its accounts are abusive."""
    folder = tmp_path_factory.mktemp("fresh")
    other = make(folder / "world", accounts=500, requests=5.0, seed=78, abusive_share=(0.2, 0.2))
    network, _ = seen(deployment(folder, Log(other.log.events)), other.log.end_ms)
    return network, np.array([other.abusive(account) for account in network.accounts["account_id"].to_pylist()])


def seen(settings: Settings, moment_ms: int) -> tuple[Network, object]:
    """The network as of the moment, and all labels that were ever decided of its accounts."""
    tables = LinkTables(settings.places.links)
    with closing(open_ledger(settings)) as ledger:
        sync_tables(tables, ledger, quiet)
        observed = observe(tables, ledger, moment_ms, quiet)
        return observed.network, label_table(observed.view, [stored.label for stored in ledger.labels()])


def labelled(made: Made, verdicts: Verdicts, cases: Mapping[str, str], seed: int) -> tuple[JsonObject, ...]:
    """One label an account: of three in ten decided early, so that others may see it, of the rest after the end."""
    chance = random.Random(seed)
    early_ms, late_ms = made.log.moment(0.3), made.log.end_ms + 1
    return tuple(
        {
            "account_id": account,
            "verdict": "abusive" if verdicts[account] else "benign",
            "decided_at": rfc3339(early_ms if chance.random() < 0.3 else late_ms),
            "source": "review",
        }
        | ({"operator_id": cases[account]} if account in cases else {})
        for account in made.log.accounts
    )


def learnt(
    folder: Path, events: tuple[JsonObject, ...], labels: tuple[JsonObject, ...], at_ms: int, seed: int
) -> Model:
    from gnn.train import Example

    network, outcomes = seen(deployment(folder, Log(events, labels)), at_ms)
    assert network.labels.num_rows > 0
    config = TrainConfig(seed=seed, hidden=16, steps=60, evaluate_every=20, hidden_shares=(1.0, 0.5))
    return train([Example(network, outcomes)], config, quiet)  # type: ignore[arg-type]


def figures(model: Model, fresh: tuple[Network, np.ndarray]) -> Figures:
    said = predict(model, fresh[0])
    parts = (model.notes["metrics"], model.notes["network_alone"])
    return Figures(
        held_out=(parts[0]["account_auroc"], parts[1]["account_auroc"]),
        fresh=auroc(fresh[1], said.account_probability),
        account_max=float(said.account_probability.max()),
        cluster_max=float(said.cluster_probability.max(initial=0.0)),
    )


def over_accounts(made: Made, chance: random.Random) -> Verdicts:
    verdicts = [made.abusive(account) for account in made.log.accounts]
    chance.shuffle(verdicts)
    return dict(zip(made.log.accounts, verdicts, strict=True))


def over_units(made: Made, chance: random.Random) -> Verdicts:
    """A lot within units of like size, the same share of each."""
    units: dict[str, list[str]] = {}
    for account in made.log.accounts:
        units.setdefault(made.truth[account]["unit"], []).append(account)
    called: set[str] = set()
    for low, high in zip((0, *SIZES), SIZES, strict=False):
        alike = [name for name in sorted(units) if low < len(units[name]) <= high]
        called.update(chance.sample(alike, round(CALLED_ABUSIVE * len(alike))))
    return {account: name in called for name, accounts in units.items() for account in accounts}


def cases_of(made: Made) -> dict[str, str]:
    return {account: f"case-{row['unit']}" for account, row in made.truth.items()}


def error_at_chance(verdicts: Verdicts) -> float:
    positive = sum(verdicts.values())
    negative = len(verdicts) - positive
    return float(np.sqrt((positive + negative + 1) / (12 * positive * negative)))


@pytest.fixture(scope="module", params=["accounts", "units"])
def shuffled(
    request: pytest.FixtureRequest,
    made: Made,
    fresh: tuple[Network, np.ndarray],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[str, list[Figures], Verdicts]:
    deal: Callable[[Made, random.Random], Verdicts] = over_accounts if request.param == "accounts" else over_units
    cases = {} if request.param == "accounts" else cases_of(made)
    out = []
    for seed in SEEDS:
        verdicts = deal(made, random.Random(seed))
        labels = labelled(made, verdicts, cases, seed)
        folder = tmp_path_factory.mktemp(f"{request.param}-{seed}")
        out.append(figures(learnt(folder, made.log.events, labels, made.log.end_ms, seed), fresh))
    return request.param, out, verdicts


def test_held_out_operators_are_judged_by_chance(shuffled: tuple[str, list[Figures], Verdicts]) -> None:
    name, found, verdicts = shuffled
    error = error_at_chance(verdicts) if name == "accounts" else 0.08
    above = 4 * error / np.sqrt(len(SEEDS))
    for part in (0, 1):
        mean = float(np.mean([one.held_out[part] for one in found]))
        assert 0.5 - max(BELOW, above) <= mean <= 0.5 + above


def test_nobody_in_a_fresh_world_is_accused_with_confidence(shuffled: tuple[str, list[Figures], Verdicts]) -> None:
    """Calibration on held-out operators finds out that there is nothing: all scores lie near the share of labels."""
    _, found, _ = shuffled
    assert float(np.mean([one.account_max for one in found])) < CONFIDENT
    assert float(np.mean([one.cluster_max for one in found])) < 0.75


@pytest.fixture(scope="module")
def taught(fresh: tuple[Network, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Figures:
    """The same training on true labels. A world of few rings teaches little of others; this one has more of them."""
    folder = tmp_path_factory.mktemp("true")
    many = make(folder / "world", accounts=1000, requests=5.0, seed=79, abusive_share=(0.3, 0.3))
    verdicts = {account: many.abusive(account) for account in many.log.accounts}
    labels = labelled(many, verdicts, cases_of(many), 0)
    return figures(learnt(folder, many.log.events, labels, many.log.end_ms, 0), fresh)


def test_true_labels_teach_what_holds_in_a_fresh_world(taught: Figures) -> None:
    """Without this the tests above would hold of a pipeline that learns nothing at all."""
    assert taught.held_out[0] >= 0.65
    assert taught.fresh >= 0.7
    assert max(taught.account_max, taught.cluster_max) >= CONFIDENT


def test_a_planted_leak_is_seen(made: Made, fresh: tuple[Network, np.ndarray], tmp_path: Path) -> None:
    verdicts = over_accounts(made, random.Random(1))
    wallets = {account: f"w{place // 6}" for place, account in enumerate(a for a in made.log.accounts if verdicts[a])}

    def planted(event: JsonObject) -> JsonObject:
        wallet = wallets.get(event["account_id"])
        return event if wallet is None else event | {"identifiers": [{"type": "wallet", "value": wallet}]}

    labels = labelled(made, verdicts, {}, 1)
    events = tuple(map(planted, made.log.events))
    found = figures(learnt(tmp_path, events, labels, made.log.end_ms, 1), fresh)
    assert min(found.held_out) >= 0.85
