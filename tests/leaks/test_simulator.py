"""The simulator gives nothing away but what accounts do: ids, order and labels say nothing that truth alone would know."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict

from graphsvc.simulate import load_world, simulate
from graphsvc.simulate.spec import Review
from tests.leaks.conftest import Made, make
from tests.leaks.logs import JsonObject, at_ms

Floats = npt.NDArray[np.float64]
BAND = 4.0
"""In standard errors of an AUROC at chance, (P + Q + 1) / 12PQ (Mann and Whitney 1947): one in 16,000 by luck."""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """1,500 accounts that were reviewed late, with errors in three of ten decisions."""
    review = Review(error=0.3)
    return make(tmp_path_factory.mktemp("crowd"), accounts=1500, requests=2.0, seed=31, review=review)


def chance_band(truth: npt.NDArray[np.bool_]) -> float:
    positive, negative = int(truth.sum()), int((~truth).sum())
    return BAND * float(np.sqrt((positive + negative + 1) / (12 * positive * negative)))


def held_out_auroc(x: Floats, truth: npt.NDArray[np.bool_]) -> float:
    """Of boosted trees, each account judged by trees that did not see it."""
    trees = HistGradientBoostingClassifier(max_iter=60, random_state=0)
    return float(roc_auc_score(truth, cross_val_predict(trees, x, truth, cv=4, method="predict_proba")[:, 1]))


def bytes_of(names: list[str]) -> Floats:
    width = max(map(len, names))
    return np.array([list(name.ljust(width, "\0").encode()) for name in names], np.float64)


def test_bytes_of_account_ids_are_at_chance(crowd: Made) -> None:
    truth = np.array([crowd.abusive(account) for account in crowd.log.accounts])
    names = crowd.log.accounts
    assert abs(held_out_auroc(bytes_of(names), truth) - 0.5) <= chance_band(truth)
    chance = random.Random(1)
    marked = [
        ("b" if abusive and chance.random() < 0.5 else "a") + name for name, abusive in zip(names, truth, strict=True)
    ]
    assert held_out_auroc(bytes_of(marked), truth) > 0.5 + chance_band(truth)


def test_bytes_of_event_ids_are_at_chance(crowd: Made) -> None:
    """One event of each account, the first that its line names: more would count an account more than once."""
    first: dict[str, str] = {}
    for event in crowd.log.events:
        first.setdefault(event["account_id"], event["event_id"])
    truth = np.array([crowd.abusive(account) for account in first])
    assert abs(held_out_auroc(bytes_of(list(first.values())), truth) - 0.5) <= chance_band(truth)


def test_milliseconds_are_at_chance(crowd: Made) -> None:
    """Whole seconds, or a rounding that one archetype has and another lacks, would be a mark of the simulator's."""
    last = {event["account_id"]: at_ms(event) % 1000 for event in crowd.log.events}
    truth = np.array([crowd.abusive(account) for account in last])
    digits = np.array([[ms, ms % 100, ms % 10] for ms in last.values()], np.float64)
    assert abs(held_out_auroc(digits, truth) - 0.5) <= chance_band(truth)


@pytest.mark.parametrize("name", ["events", "labels"])
def test_lines_lie_in_the_order_of_time_and_then_of_their_bytes(name: str, crowd: Made) -> None:
    """So the order holds nothing that the lines do not: they can be put into it again by whoever has lost it."""
    lines = (crowd.folder / f"{name}.ndjson").read_bytes().splitlines()
    assert lines == sorted(lines, key=lambda line: (at_ms(msgspec.json.decode(line)), line))


def right(made: Made, label: JsonObject) -> bool:
    return (label["verdict"] == "abusive") == made.abusive(label["account_id"])


@pytest.mark.parametrize("verdict", ["abusive", "benign"])
def test_no_field_of_a_label_tells_whether_it_is_right(verdict: str, crowd: Made) -> None:
    """Who judges may be a hint (appeals correct errors); a kind, a case or a confidence is none."""
    labels = [label for label in crowd.log.labels if label["verdict"] == verdict and label["source"] == "review"]
    truth = np.array([right(crowd, label) for label in labels])
    assert min(truth.sum(), (~truth).sum()) >= 10
    fields = {
        "kind": [float("kind" in label) for label in labels],
        "operator": [float("operator_id" in label) for label in labels],
        "confidence": [label.get("confidence", 1.0) for label in labels],
    }
    band = chance_band(truth)
    assert {
        name: abs(float(roc_auc_score(truth, told)) - 0.5) <= max(band, 0.1) for name, told in fields.items()
    } == dict.fromkeys(fields, True)


def test_reviewers_err_as_often_as_is_set(tmp_path: Path) -> None:
    for error in (0.0, 0.3):
        made = make(tmp_path / str(error), accounts=1000, requests=1.0, seed=32, review=Review(error=error))
        late = [label for label in made.log.labels if at_ms(label) > made.log.end_ms]
        wrong = sum(not right(made, label) for label in late)
        assert len(late) >= 200
        assert abs(wrong / len(late) - error) <= BAND * np.sqrt(0.25 / len(late)) * (error > 0)


def test_cases_are_no_names_of_the_truth_and_link_nothing_beyond_their_accounts(crowd: Made) -> None:
    """A case is drawn anew for what one review found: it is no hash of an operator, a ring or a seed, and no two rings
    of one operator share it."""
    hidden = {row[name] for row in crowd.truth.values() for name in ("ring", "operator", "unit", "person") if row[name]}
    accounts = defaultdict(set)
    for label in crowd.log.labels:
        if "operator_id" in label:
            accounts[label["operator_id"]].add(crowd.truth[label["account_id"]]["unit"])
    assert accounts
    assert not accounts.keys() & hidden
    assert {len(name) for name in accounts} == {len("case-") + 8}
    assert max(map(len, accounts.values())) == 1


def test_names_of_the_world_and_of_kinds_change_no_event(tmp_path: Path) -> None:
    """What an archetype is called in the truth is no part of what it does."""
    spec = msgspec.structs.replace(load_world("plain"), accounts=120, requests=2.0, seed=5)
    kinds = {"operator": "other_abuse", "innocent": "other_benign"}
    plain = {name: msgspec.structs.replace(one, kind=kinds[one.side]) for name, one in spec.archetypes.items()}
    simulate(spec, tmp_path / "as-is")
    simulate(msgspec.structs.replace(spec, name="another", archetypes=plain), tmp_path / "renamed")
    read = {
        name: [(tmp_path / at / name).read_bytes() for at in ("as-is", "renamed")]
        for name in ("events.ndjson", "truth.csv")
    }
    assert read["events.ndjson"][0] == read["events.ndjson"][1]
    assert read["truth.csv"][0] != read["truth.csv"][1]


def test_truth_has_a_row_for_each_account_of_the_log(crowd: Made) -> None:
    with (crowd.folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        rows = [row["account_id"] for row in csv.DictReader(file)]
    assert sorted(rows) == rows == crowd.log.accounts
