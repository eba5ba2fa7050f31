"""Bitcoin Alpha through its mapping: what an account is known for at a moment are the ratings up to it and no others."""

from __future__ import annotations

import csv
import os
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gnn.network import Network
from gnn.predict import predict
from gnn.train import Example, TrainConfig, train
from graphsvc.config import Settings
from graphsvc.events.mapping import read_mapping
from graphsvc.jobs.importing import import_table
from graphsvc.jobs.observe import label_table, observe, quiet, sync_tables
from graphsvc.ledger import open_ledger
from graphsvc.links.pairs import evidence_of
from graphsvc.links.tables import LinkTables
from graphsvc.links.view import LinkView
from tests.bench.bitcoin import ATTRIBUTES, MAPPING, Rating, question, read
from tests.importing.tables import write


@dataclass(frozen=True)
class Looked:
    view: LinkView
    network: Network
    labels: pa.Table


HEADER = ("source", "target", "weight", "timestamp")
RATINGS = 1_500


def made(folder: Path) -> Path:
    luck = np.random.default_rng(1)
    rows = [
        (int(a), int(b), int(w), 1_300_000_000 + 50_000 * at)
        for at, (a, b, w) in enumerate(luck.integers((0, 0, -10), (60, 60, 11), (RATINGS, 3)))
        if w
    ]
    return write(folder / "ratings.csv", HEADER, rows)


def real(folder: Path) -> Path:
    data = os.environ.get("GRAPHSVC_BITCOIN_ALPHA")
    if not data:
        pytest.skip("Bitcoin Alpha is not here: GRAPHSVC_BITCOIN_ALPHA names soc-sign-bitcoinalpha.csv.")
    with Path(data).open(newline="") as file:
        rows = sorted(csv.reader(file), key=lambda row: row[3])
    return write(folder / "ratings.csv", HEADER, rows[:RATINGS])


@pytest.mark.parametrize("ratings", [made, real], ids=["made", "real"])
def test_facts_and_labels_are_those_of_the_moment(settings: Settings, tmp_path: Path, ratings: object) -> None:
    assert callable(ratings)
    path = ratings(tmp_path)
    summary = import_table(settings, str(path), read_mapping(MAPPING))
    assert (summary.events, summary.labels, summary.refused) == (2 * summary.rows, summary.rows, 0)
    asked = question(read(path), 0.6)
    with closing(open_ledger(settings)) as ledger:
        tables = LinkTables(settings.places.links)
        tables.sync(ledger)
        view = tables.view(asked.moment_ms)
        assert len(ledger.labels(asked.moment_ms)) == len(asked.past)
    past: dict[tuple[str, str], list[Rating]] = {}
    for one in asked.past:
        if one.source != one.target:
            past.setdefault((one.source, one.target), []).append(one)
    names = view.accounts["account_id"].to_pylist()
    links = {(names[one["source"]], names[one["target"]]): one for one in view.peers.to_pylist()}
    # The direction and the sign of each rating; of several, the largest and the first time.
    assert {ends: one["weight"] for ends, one in links.items()} == pytest.approx(
        {ends: max(one.weight for one in several) / 10 for ends, several in past.items()}
    )
    assert {ends: one["first_ms"] for ends, one in links.items()} == {
        ends: min(one.at_s for one in several) * 1000 for ends, several in past.items()
    }
    assert min(one["weight"] for one in links.values()) < 0
    assert asked.distrusted.any()


def test_a_rating_of_distrust_ties_nobody(settings: Settings, tmp_path: Path) -> None:
    rows = [(a, b, weight, 1_300_000_000 + a) for a, b, weight in ((1, 2, 5), (3, 2, -10), (4, 3, -1))]
    import_table(settings, str(write(tmp_path / "few.csv", HEADER, rows)), read_mapping(MAPPING))
    seen = look(settings, 1_300_001_000_000)
    assert seen.view.peers.num_rows == 3
    names = np.array(seen.view.accounts["account_id"].to_pylist())
    found = evidence_of(seen.view)
    thing = names[found.holder].reshape(-1, 2)[found.bits > 0]
    assert {frozenset(ends) for ends in thing.tolist()} == {frozenset(("1", "2"))}


def test_what_the_ratings_tell_is_of_the_moment_and_is_learnt(settings: Settings, tmp_path: Path) -> None:
    path = made(tmp_path)
    asked = question(read(path), 0.6)
    import_table(settings, str(path), read_mapping(MAPPING))
    whole = look(settings, asked.moment_ms)
    config = TrainConfig(hidden=8, folds=2, steps=10, evaluate_every=5, attributes=ATTRIBUTES, forecast=True)
    model = train([Example(whole.network, whole.labels)], config, lambda step, share: None)
    judged = predict(model, whole.network).account_probability
    # What is rated later changes nothing.
    lines = path.read_text().splitlines(keepends=True)
    past = [line for line in lines[1:] if int(line.split(",")[3]) * 1000 <= asked.moment_ms]
    (tmp_path / "past.csv").write_text(lines[0] + "".join(past))
    early = settings.model_copy(update={"data": tmp_path / "early"})
    import_table(early, str(tmp_path / "past.csv"), read_mapping(MAPPING))
    alone = look(early, asked.moment_ms)
    assert np.array_equal(judged, predict(model, alone.network).account_probability)
    # Who is distrusted by all the others is told from who is not, by sign.
    turned = pa.array(-whole.network.peers["weight"].to_numpy())
    other = whole.network.peers.set_column(3, "weight", turned)
    assert not np.allclose(judged, predict(model, replace(whole.network, peers=other)).account_probability)


def look(settings: Settings, moment_ms: int) -> Looked:
    """What is seen by a moment, and all labels, those from later too."""
    with closing(open_ledger(settings)) as ledger:
        tables = LinkTables(settings.places.links)
        sync_tables(tables, ledger, quiet)
        seen = observe(tables, ledger, moment_ms, quiet)
        return Looked(seen.view, seen.network, label_table(seen.view, [stored.label for stored in ledger.labels()]))
