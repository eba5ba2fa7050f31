"""What occurs or is decided after T changes nothing as of T, byte for byte, whenever it arrives."""

from __future__ import annotations

import json
import random
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphsvc.clusters.results import Results, ResultsReader, write_results
from graphsvc.config import Settings
from graphsvc.evaluation.ages import scores_at_ages
from graphsvc.evaluation.looks import looks
from graphsvc.jobs.detect import detect
from graphsvc.jobs.models import load_model
from graphsvc.jobs.observe import observe, sync_tables
from graphsvc.jobs.train import Way, train_on_ledger
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables
from graphsvc.risk.follow import make_index
from graphsvc.risk.keys import account_key
from graphsvc.risk.score import load_scorer, network_probabilities
from tests.leaks.conftest import Made
from tests.leaks.judged import deployment, files, quiet
from tests.leaks.logs import JsonObject, Log, rfc3339

pytestmark = pytest.mark.xdist_group("leaks_future")

CUTS = (0.15, 0.5, 0.8)


def at_the_edge(log: Log, moment_ms: int) -> Log:
    """One more event and one more label at the moment itself: those count."""
    account = log.until(moment_ms).events[0]["account_id"]
    base = {"type": "login", "account_id": account, "occurred_at": rfc3339(moment_ms)}
    label = {"account_id": account, "verdict": "benign", "decided_at": rfc3339(moment_ms), "source": "edge"}
    return log.plus(Log(({"event_id": "at-the-edge", **base},), (label,)))


def hostile(log: Log, moment_ms: int, seed: int) -> Log:
    """A future made to be seen: from one millisecond after the moment on all known accounts are banned or reinstated
    and judged, signups with the identifiers of known accounts pour in, and prompts and cards come up again."""
    chance = random.Random(seed)
    past = log.until(moment_ms)
    events: list[JsonObject] = []
    labels: list[JsonObject] = []

    def later() -> str:
        return rfc3339(moment_ms + chance.choice([1, 1, 60_000, 86_400_000 * chance.randrange(1, 9)]))

    for account in past.accounts:
        action = chance.choice(["banned", "suspended", "reinstated", "warned"])
        base = {"event_id": f"ban-{account}", "type": "enforcement", "account_id": account, "occurred_at": later()}
        events.append(base | {"enforcement": {"action": action}})
        label = {"account_id": account, "verdict": chance.choice(["abusive", "benign"]), "decided_at": later()}
        labels.append(label | {"source": chance.choice(["review", "enforcement"]), "operator_id": "case-later"})
    for number, event in enumerate(chance.sample(past.events, len(past.events) // 2)):
        again = event | {"event_id": f"again-{number}", "occurred_at": later()}
        if event["type"] != "enforcement" and chance.random() < 0.7:
            again["account_id"] = f"newcomer-{number % 60}"
            again["peers"] = [{"account_id": event["account_id"], "type": "paid_by", "weight": 1.0}]
        events.append(again)
    return Log(tuple(events), tuple(labels))


def with_future(log: Log, moment_ms: int, seed: int) -> Log:
    """The whole log with a hostile future; lines come in any order, so that much of the past is late."""
    return log.plus(hostile(log, moment_ms, seed)).shuffled(seed)


def said(results: Results, folder: Path) -> tuple[object, ...]:
    """All that a detection says: both files, and every column of accounts, clusters and evidence as bytes."""
    tables = [results.accounts, results.clusters, results.evidence]
    return (*files(results, folder), results.run.as_of_ms, *(stream(table) for table in tables))


def stream(table: pa.Table) -> bytes:
    """A table's bytes, its chunks aside."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue())


def network_bytes(at: Settings, moment_ms: int) -> dict[str, bytes]:
    """Every column that a model may read, as of the moment."""
    tables = LinkTables(at.places.links)
    with closing(open_ledger(at)) as ledger:
        sync_tables(tables, ledger, quiet)
        network = observe(tables, ledger, moment_ms, quiet).network
    parts = ("accounts", "identifiers", "links", "peers", "pairs", "labels")
    return {name: stream(getattr(network, name)) for name in parts} | {"clusters": network.clusters.tobytes()}


def decided_in_time(made: Made, seed: int) -> Log:
    """The log with labels by the truth for two accounts of three, decided at any time."""
    chance = random.Random(seed)
    first_ms, end_ms = made.log.moment(0.0), made.log.end_ms
    labels = tuple(
        {
            "account_id": account,
            "verdict": "abusive" if made.abusive(account) else "benign",
            "decided_at": rfc3339(chance.randrange(first_ms, end_ms)),
            "source": "review",
        }
        for account in made.log.accounts
        if chance.random() < 2 / 3
    )
    return made.log.plus(Log((), labels))


@dataclass(frozen=True)
class Cut:
    """A deployment that ends at the moment, and one to which the future came too."""

    folder: Path
    log: Log
    moment_ms: int
    past: Settings
    whole: Settings


@pytest.fixture(scope="module", params=CUTS)
def cut(request: pytest.FixtureRequest, made: Made, tmp_path_factory: pytest.TempPathFactory) -> Cut:
    folder = tmp_path_factory.mktemp("cut")
    moment_ms = made.log.moment(request.param)
    log = at_the_edge(made.log, moment_ms)
    past = deployment(folder / "past", log.until(moment_ms))
    whole = deployment(folder / "whole", with_future(log, moment_ms, 3))
    return Cut(folder, log, moment_ms, past, whole)


def test_a_detection_as_of_then_says_the_same(cut: Cut) -> None:
    expected = said(detect(cut.past, cut.moment_ms, quiet).results, cut.folder / "a")
    assert said(detect(cut.past, None, quiet).results, cut.folder / "b") == expected
    assert said(detect(cut.whole, cut.moment_ms, quiet).results, cut.folder / "c") == expected


def test_a_later_look_that_came_first_changes_nothing(cut: Cut) -> None:
    expected = said(detect(cut.past, cut.moment_ms, quiet).results, cut.folder / "d")
    now = detect(cut.whole, None, quiet)
    again = detect(cut.whole, cut.moment_ms, quiet)
    assert said(again.results, cut.folder / "e") == expected
    assert now.published
    assert not again.published


def test_the_future_matters_when_it_has_come(cut: Cut) -> None:
    """Without this the tests above would hold of a product that reads nothing."""
    before, after = (files(detect(at, None, quiet).results, cut.folder / "f") for at in (cut.past, cut.whole))
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_an_event_at_the_moment_counts_and_one_a_millisecond_later_does_not(cut: Cut) -> None:
    login = {"type": "login", "account_id": "nobody-before"}
    edge = {"event_id": "e0", "occurred_at": rfc3339(cut.moment_ms)} | login
    beyond = {"event_id": "e1", "occurred_at": rfc3339(cut.moment_ms + 1)} | login
    for name, event, seen in (("at", edge, True), ("beyond", beyond, False)):
        at = deployment(cut.folder / name, cut.log.until(cut.moment_ms).plus(Log((event,))))
        accounts = detect(at, cut.moment_ms, quiet).results.accounts["account_id"].to_pylist()
        assert ("nobody-before" in accounts) is seen


def test_the_network_that_training_reads_is_the_same(cut: Cut) -> None:
    assert network_bytes(cut.past, cut.moment_ms) == network_bytes(cut.whole, cut.moment_ms)


def test_risk_answers_rest_on_a_detection_and_not_on_what_came_later(cut: Cut) -> None:
    """The index that a service makes from a detection, before it follows the ledger any further: the same answers for
    all accounts, whatever lies in the ledger beyond it."""
    answers = []
    for at in (cut.past, cut.whole):
        tables, reader = LinkTables(at.places.links), ResultsReader(at.places.results)
        found = detect(at, cut.moment_ms, quiet)
        write_results(at.places.results, found.results)
        scorer, problem = load_scorer(at.places.active_model)
        assert not problem
        with closing(open_ledger(at)) as ledger:
            index = make_index(ledger, tables, reader, scorer)
        accounts = found.results.accounts["account_id"].to_pylist()
        looks = [index.look(account_key(account)) for account in accounts]
        answers.append(dict(zip(accounts, network_probabilities(looks, scorer), strict=True)))
    assert answers[0] == answers[1]


def test_looks_and_answers_by_age_are_the_same(cut: Cut) -> None:
    """What an evaluation sees: looks up to the moment, and what the service would have said of accounts by their age."""
    found = []
    for at in (cut.past, cut.whole):
        with closing(open_ledger(at)) as ledger:
            sync_tables(LinkTables(at.places.links), ledger, quiet)
        moments_ms = [cut.moment_ms - 86_400_000, cut.moment_ms]
        model = load_model(at.places.active_model)
        seen = list(looks(at, model, moments_ms, quiet))
        ages = scores_at_ages(at, model, seen, cut.moment_ms, quiet)
        said = [(one.as_of_ms, one.account_ids, one.score.tobytes(), one.clusters.tobytes(), one.kinds) for one in seen]
        answers = {
            (name, age): (accounts, scores.tobytes())
            for name, by_age in ages.items()
            for age, (accounts, scores) in by_age.items()
        }
        found.append((said, answers))
    assert found[0] == found[1]
    assert found[0][1]["shipped", "signup"][0]


@pytest.fixture(scope="module")
def small(made: Made) -> Log:
    """A hundred accounts of the world, for many cuts."""
    chosen = set(random.Random(2).sample(made.log.accounts, 100))
    return Log(
        *(tuple(line for line in part if line["account_id"] in chosen) for part in (made.log.events, made.log.labels))
    )


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0.02, 0.98), seed=st.integers(0, 2**16))
def test_at_any_moment_the_network_is_what_was_known(
    small: Log, tmp_path_factory: pytest.TempPathFactory, share: float, seed: int
) -> None:
    folder, moment_ms = tmp_path_factory.mktemp("any"), small.moment(share)
    past = deployment(folder / "past", small.until(moment_ms))
    whole = deployment(folder / "whole", with_future(small, moment_ms, seed))
    assert network_bytes(past, moment_ms) == network_bytes(whole, moment_ms)


@pytest.mark.parametrize("adapt", [True, False])
def test_a_model_trained_as_of_then_is_the_same_model(made: Made, tmp_path: Path, adapt: bool) -> None:
    moment_ms = made.log.moment(0.7)
    log = decided_in_time(made, 6)
    past = deployment(tmp_path / "past", log.until(moment_ms))
    whole = deployment(tmp_path / "whole", with_future(log, moment_ms, 4))
    models = []
    for at in (past, whole):
        version, _ = train_on_ledger(at, moment_ms, 5, quiet, way=Way(adapt=adapt))
        folder = at.places.models / version
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        models.append(((folder / "model.safetensors").read_bytes(), manifest | {"registered": None}))
    assert models[0] == models[1]
