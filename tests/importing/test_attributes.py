"""Attributes of the caller's own become features of a model that is trained on them, as of each moment."""

from __future__ import annotations

import random
from collections import defaultdict
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gnn.attributes import Attribute, fit_attributes, from_manifest, to_manifest, with_attributes
from gnn.errors import ModelError
from gnn.forecast import forecasts
from gnn.network import ATTRIBUTE_SCHEMA, PEER_SCHEMA, Network
from gnn.predict import graph_of, predict
from gnn.registry import load, save
from gnn.train import Example, TrainConfig, train
from graphsvc.config import Settings, load_settings
from graphsvc.errors import BadUsage
from graphsvc.events.mapping import read_mapping
from graphsvc.events.record import Record
from graphsvc.jobs.importing import import_table
from graphsvc.jobs.observe import label_table, observe, quiet, sync_tables
from graphsvc.jobs.train import train_on_ledger
from graphsvc.ledger import open_ledger
from graphsvc.ledger.base import Draft
from graphsvc.links.tables import LinkTables
from graphsvc.links.view import ATTRIBUTES, LinkView
from tests.importing.tables import transactions

START_MS = 1_767_225_600_000
EXAMPLE = Path(__file__).parents[2] / "examples/import/transactions.toml"


def given(seed: int, count: int) -> list[Record]:
    luck = random.Random(seed)
    return [
        Record(
            event_id=f"e{number}",
            type="activity",
            account_id=f"a{luck.randrange(6)}",
            occurred_ms=START_MS + luck.randrange(8) * 1000,
            received_ms=START_MS,
            attributes={
                "size": luck.uniform(-1e6, 1e6),
                "open": luck.random() < 0.5,
                "sort": luck.choice(["x", "y"]),
                **({"rare": None} if luck.random() < 0.5 else {"rare": 1.0}),
            },
        )
        for number in range(count)
    ]


def seen(settings: Settings, folder: Path, records: list[Record], as_of_ms: int, batch: int = 100_000) -> LinkView:
    folder.mkdir()
    with closing(open_ledger(settings.model_copy(update={"data": folder}))) as ledger:
        tables = LinkTables(folder / "links", batch)
        ledger.append([Draft(record, record.event_id.encode().ljust(16)) for record in records])
        tables.sync(ledger)
        return tables.view(as_of_ms)


def plainly(records: list[Record], as_of_ms: int) -> pa.Table:
    values: dict[tuple[str, str], list[tuple[int, float | str]]] = defaultdict(list)
    for one in records:
        for name, value in one.attributes.items():
            if value is not None and one.occurred_ms <= as_of_ms:
                values[one.account_id, name].append((one.occurred_ms, value))
    rows = []
    for (account, name), found in sorted(values.items()):
        last = max(value for at, value in found if at == max(at for at, _ in found))
        text = isinstance(last, str)
        mean = None if text else float(np.mean([float(value) for _, value in found]))
        rows.append(
            {
                "account_id": account,
                "name": name,
                "last": None if text else float(last),
                "mean": mean,
                "text": last if text else None,
            }
        )
    return pa.Table.from_pylist(rows, schema=ATTRIBUTES)


@pytest.mark.parametrize(("seed", "as_of_ms"), [(0, START_MS + 2_500), (1, START_MS + 10_000)])
def test_a_view_has_attributes_as_of_its_moment_in_any_order_of_arrival(
    settings: Settings, tmp_path: Path, seed: int, as_of_ms: int
) -> None:
    records = given(seed, 60)
    expected = plainly(records, as_of_ms)
    one = seen(settings, tmp_path / "one", records, as_of_ms).attributes
    # Small batches are merged into larger segments on the way.
    other = seen(settings, tmp_path / "other", records[::-1], as_of_ms, batch=6).attributes
    assert one.equals(other)
    assert one.drop_columns("mean").equals(expected.drop_columns("mean"))
    ours, theirs = (np.array(part["mean"].to_pylist(), float) for part in (one, expected))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_logs_without_attributes_have_no_file_of_them(settings: Settings, tmp_path: Path) -> None:
    bare = [Record(one.event_id, one.type, one.account_id, one.occurred_ms, 0) for one in given(0, 20)]
    assert not seen(settings, tmp_path / "bare", bare, START_MS + 10_000).attributes.num_rows
    assert not list((tmp_path / "bare").rglob("attributes.parquet"))


def network_of(rows: list[dict[str, object]], accounts: int) -> Network:
    empty = pa.table({"account_id": [f"a{index}" for index in range(accounts)]})
    attributes = pa.Table.from_pylist(rows, schema=ATTRIBUTE_SCHEMA)
    none = np.full(accounts, -1, np.int32)
    peers = PEER_SCHEMA.empty_table()
    return Network(0, empty, empty[:0], empty[:0], peers, empty[:0], none, attributes=attributes)


def test_a_number_is_its_place_among_those_of_training() -> None:
    rows: list[dict[str, object]] = [
        {"account_id": f"a{index}", "name": "size", "last": float(index) ** 3, "mean": 1.0} for index in range(100)
    ]
    network = network_of(rows, 101)
    fitted = fit_attributes([network], ("size",))
    assert from_manifest(to_manifest(fitted)) == fitted
    own = with_attributes(network, fitted).own
    assert own is not None
    last, mean, missing = own.T
    assert (np.diff(last[:100]) > 0).all()
    assert 0 <= last.min() <= last.max() <= 1
    assert (mean == 0.5).all()
    assert last[100] == 0.5
    assert missing.tolist() == [0.0] * 100 + [1.0]
    larger = replace(network, attributes=network.attributes.set_column(2, "last", pa.array([1e9] * 100)))
    moved = with_attributes(larger, fitted).own
    assert moved is not None
    assert (moved[:100, 0] == 1.0).all()


def test_a_category_has_a_column_for_each_common_value() -> None:
    texts = ["food"] * 20 + ["games"] * 10 + ["a name"]
    rows: list[dict[str, object]] = [
        {"account_id": f"a{index}", "name": "sort", "text": text} for index, text in enumerate(texts)
    ]
    network = network_of(rows, 32)
    [fitted] = fit_attributes([network], ("sort",))
    assert fitted.columns == ("attribute_sort_is_food", "attribute_sort_is_games", "attribute_sort_missing")
    own = with_attributes(network, [fitted]).own
    assert own is not None
    assert own.sum(axis=0).tolist() == [20, 10, 1]
    assert not own[30].any()


def test_an_attribute_that_nobody_has_is_said() -> None:
    with pytest.raises(ModelError, match="No account has the attribute size"):
        fit_attributes([network_of([], 3)], ("size",))


def test_origins_are_no_features_whatever_the_settings_say(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHSVC_ATTRIBUTES", "amount, home_country")
    told = load_settings()
    assert told.attributes == ("amount", "home_country")
    with pytest.raises(BadUsage, match="home_country"):
        train_on_ledger(told, None, 0, quiet)


def test_a_trained_model_reads_them_and_a_forecast_no_labels(settings: Settings, tmp_path: Path) -> None:
    import_table(settings, str(transactions(tmp_path, count=400)), read_mapping(EXAMPLE))
    with closing(open_ledger(settings)) as ledger:
        tables = LinkTables(settings.places.links)
        sync_tables(tables, ledger, quiet)
        look = observe(tables, ledger, START_MS + 20 * 86_400_000, quiet)
        decided = [stored.label for stored in ledger.labels()]
    example = Example(look.network, label_table(look.view, decided))
    config = TrainConfig(
        hidden=8, folds=2, steps=20, evaluate_every=10, attributes=("amount", "shop_sort"), forecast=True
    )
    model = train([example], config, lambda step, share: None)
    assert [one.name for one in model.attributes] == ["amount", "shop_sort"]
    assert isinstance(model.attributes[0], Attribute)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model")
    judged = predict(again, look.network).account_probability
    np.testing.assert_allclose(judged, predict(model, look.network).account_probability, atol=1e-6)
    bare = replace(look.network, attributes=ATTRIBUTE_SCHEMA.empty_table())
    assert not np.allclose(judged, predict(again, bare).account_probability)
    unlabelled = replace(look.network, labels=look.network.labels[:0])
    assert (graph_of(again, look.network).x == graph_of(again, unlabelled).x).all()
    [later] = forecasts([example])
    assert min(later.outcomes["decided_ms"].to_pylist()) > look.network.as_of_ms
