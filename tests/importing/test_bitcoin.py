"""Bitcoin Alpha through its mapping: what an account is known for at a moment are the ratings up to it and no others."""

from __future__ import annotations

import csv
import os
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from graphsvc.config import Settings
from graphsvc.events.mapping import read_mapping
from graphsvc.jobs.importing import import_table
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables
from tests.bench.bitcoin import MAPPING, mean_received, question, read
from tests.importing.tables import write

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
    found = {one["account_id"]: -one["mean"] for one in view.attributes.to_pylist() if one["name"] == "rating_received"}
    assert found == pytest.approx(mean_received(asked))
    trusted = {(one.source, one.target) for one in asked.past if one.weight > 0 and one.source != one.target}
    assert len(view.peers) == len(trusted)
    assert asked.distrusted.any()
