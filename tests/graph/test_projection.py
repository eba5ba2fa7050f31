"""The graph follows the ledger exactly: nothing twice, nothing lost, whatever happens in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from neo4j import Driver, ManagedTransaction

from graphsvc.errors import GraphUnavailable
from graphsvc.events.record import Identifier, LabelRecord, PeerLink, Record
from graphsvc.graph import model, projection
from graphsvc.graph.connection import Connection
from graphsvc.graph.store import GraphStore
from graphsvc.ledger.base import Draft
from graphsvc.ledger.sqlite import SqliteLedger
from tests.graph.world import MINUTE_MS, START_MS, append, dump, fill

pytestmark = pytest.mark.xdist_group("neo4j")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqliteLedger]:
    ledger = fill(tmp_path / "ledger.sqlite")
    yield ledger
    ledger.close()


def whole(client: Driver) -> dict[str, object]:
    GraphStore(client).refresh_weights()
    with client.session() as session:
        return dump(session)


def record(number: int, account: str, *identifiers: Identifier, **facts: object) -> Draft:
    moment_ms = START_MS + number * MINUTE_MS
    values = {"event_id": f"e{number}", "type": "login", "account_id": account, "received_ms": moment_ms}
    return Draft(Record(**{"occurred_ms": moment_ms, "identifiers": identifiers, **values, **facts}), bytes(16))  # type: ignore[arg-type]


def test_links_carry_first_and_last_sighting_and_an_exact_count(
    client: Driver, store: GraphStore, ledger: SqliteLedger
) -> None:
    store.project(ledger, batch=37)
    expected: Counter[tuple[str, str, str]] = Counter()
    times: dict[tuple[str, str, str], list[int]] = {}
    for stored in ledger.read(0, 10_000):
        for one in stored.record.identifiers:
            key = (stored.record.account_id, one.type, one.id)
            expected[key] += 1
            times.setdefault(key, []).append(stored.record.occurred_ms)
    with client.session() as session:
        rows = session.run(
            "MATCH (a:Account)-[r]->(i) WHERE i.degree IS NOT NULL "
            "RETURN a.id, coalesce(i.type, labels(i)[0]), i.id, r.first_seen, r.last_seen, r.count"
        ).values()
    found = {
        (a, model.TYPE_OF_LABEL.get(kind, kind), i): (first, last, count) for a, kind, i, first, last, count in rows
    }
    assert found == {key: (min(times[key]), max(times[key]), count) for key, count in expected.items()}


def test_every_kind_of_relationship_of_the_contract_is_there(
    client: Driver, store: GraphStore, ledger: SqliteLedger
) -> None:
    store.project(ledger)
    with client.session() as session:
        found = session.run("MATCH (:Account)-[r]->(n) RETURN DISTINCT labels(n)[0], type(r)").values()
    expected = {(kind.label, kind.relationship) for kind in (*model.KINDS, model.OWN)} | {("Account", "PEER")}
    assert {tuple(row) for row in found} == expected


def test_degree_counts_accounts_and_weight_is_their_rarity(
    client: Driver, store: GraphStore, ledger: SqliteLedger
) -> None:
    store.project(ledger, batch=23)
    store.refresh_weights()
    with client.session() as session:
        wrong = session.run(
            "MATCH (p:Projection) MATCH (i) WHERE i.degree IS NOT NULL AND (i.degree <> COUNT { (i)<--(:Account) } "
            "OR abs(i.weight_bits - log(toFloat(p.accounts) / i.degree) / log(2)) > 0.001) RETURN count(i)"
        ).single(strict=True)[0]
        accounts = session.run("MATCH (a:Account) WHERE a.first_seen IS NOT NULL RETURN count(a)").single(strict=True)[
            0
        ]
    assert wrong == 0
    assert store.watermark().accounts == accounts


def test_projecting_again_changes_nothing(client: Driver, store: GraphStore, ledger: SqliteLedger) -> None:
    assert store.project(ledger) == ledger.offset()
    before = whole(client)
    assert store.project(ledger) == 0
    assert whole(client) == before


def test_the_size_and_number_of_batches_make_no_difference(
    client: Driver, store: GraphStore, ledger: SqliteLedger
) -> None:
    store.project(ledger)
    append(ledger, 90, 200, seed=2)
    store.project(ledger)
    in_two = whole(client)
    store.clear()
    store.project(ledger, batch=7)
    assert whole(client) == in_two


def test_own_kinds_and_peers(client: Driver, store: GraphStore, tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "own.sqlite")
    same_id = (Identifier("wallet", "x"), Identifier("locker", "x"))
    peers = (PeerLink("a2", "paid", 0.5), PeerLink("a1", "paid", 9.0), PeerLink("a2", "met", 1.0))
    ledger.append([record(1, "a1", *same_id, peers=peers), record(2, "a1", peers=(PeerLink("a2", "paid", 0.75),))])
    store.project(ledger)
    with client.session() as session:
        own = session.run(
            "MATCH (:Account {id: 'a1'})-[:HAS]->(i:Identifier) RETURN i.type, i.id ORDER BY i.type"
        ).values()
        met = session.run(
            "MATCH (a)-[r:PEER]->(b) RETURN a.id, b.id, r.type, r.weight, r.count ORDER BY r.type"
        ).values()
        unseen = session.run("MATCH (a:Account {id: 'a2'}) RETURN properties(a)").single(strict=True)[0]
    assert own == [["locker", "x"], ["wallet", "x"]]
    assert met == [["a1", "a2", "met", 1.0, 1], ["a1", "a2", "paid", 0.75, 2]]
    assert unseen == {"id": "a2"}
    assert store.watermark().accounts == 1


@pytest.mark.parametrize(
    ("actions", "status"),
    [
        ([], "active"),
        ([(1, "warned")], "active"),
        ([(1, "suspended")], "suspended"),
        ([(1, "banned"), (2, "reinstated")], "active"),
        ([(2, "reinstated"), (1, "banned")], "active"),
        ([(3, "banned"), (1, "suspended"), (2, "reinstated")], "banned"),
        ([(1, "banned"), (1, "reinstated")], "banned"),
    ],
)
@pytest.mark.parametrize("batch", [1, 100])
def test_status_is_the_latest_enforcement_whatever_the_order_of_arrival(
    client: Driver, store: GraphStore, tmp_path: Path, actions: list[tuple[int, str]], status: str, batch: int
) -> None:
    ledger = SqliteLedger(tmp_path / "status.sqlite")
    signup = record(0, "a", type="signup", occurred_ms=START_MS + 10)
    enforced = [
        record(n, "a", type="enforcement", action=action, occurred_ms=START_MS + hour)
        for n, (hour, action) in enumerate(actions, 1)
    ]
    ledger.append([*enforced, signup])
    store.project(ledger, batch)
    with client.session() as session:
        found = session.run("MATCH (a:Account) RETURN a.status, a.created_at").single(strict=True).values()
    assert found == [status, START_MS + 10]


def test_the_label_decided_last_counts(client: Driver, store: GraphStore, tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "labels.sqlite")
    ledger.append([record(1, "a")])
    ledger.append_labels(
        [LabelRecord("a", "abusive", 20, "review", "trial_farm"), LabelRecord("a", "benign", 10, "review")]
    )
    store.project(ledger)
    read = "MATCH (a:Account {id: 'a'}) RETURN a.verdict, a.verdict_kind, a.verdict_at"
    with client.session() as session:
        assert session.run(read).single(strict=True).values() == ["abusive", "trial_farm", 20]
        ledger.append_labels([LabelRecord("a", "benign", 15, "review"), LabelRecord("a", "benign", 30, "appeal")])
        store.project(ledger)
        assert session.run(read).single(strict=True).values() == ["benign", None, 30]


def test_a_failing_batch_leaves_neither_rows_nor_watermark(
    client: Driver, store: GraphStore, ledger: SqliteLedger
) -> None:
    mark = store.watermark()
    step = projection.next_step(ledger, mark, 50)
    assert step is not None

    def write_and_fail(tx: ManagedTransaction) -> None:
        assert projection.apply(tx, step)
        raise KeyError("after the rows")

    with client.session() as session:
        with pytest.raises(KeyError):
            session.execute_write(write_and_fail)
        assert session.run("MATCH (n) WHERE NOT n:Projection RETURN count(n)").single(strict=True)[0] == 0
    assert store.watermark() == mark


def test_a_batch_that_another_projector_has_written_is_not_written_again(
    client: Driver, store: GraphStore, ledger: SqliteLedger
) -> None:
    step = projection.next_step(ledger, store.watermark(), 50)
    assert step is not None
    with client.session() as session:
        assert session.execute_write(projection.apply, step)
        before = dump(session)
        assert not session.execute_write(projection.apply, step)
        assert dump(session) == before


def test_two_projectors_at_once_end_in_the_same_graph(
    client: Driver, store: GraphStore, ledger: SqliteLedger, tmp_path: Path
) -> None:
    store.project(ledger)
    alone = whole(client)
    store.clear()
    store.apply_schema()
    added: list[int] = []

    def work() -> None:
        other = SqliteLedger(tmp_path / "ledger.sqlite")
        added.append(GraphStore(client).project(other, batch=11))
        other.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(added) == ledger.offset()
    assert whole(client) == alone


PROJECT = """
import sys
from pathlib import Path
from graphsvc.graph.connection import Connection, driver
from graphsvc.graph.store import GraphStore
from graphsvc.ledger.sqlite import SqliteLedger
with driver(Connection(*sys.argv[2:4], sys.stdin.readline().strip())) as client:
    GraphStore(client).project(SqliteLedger(Path(sys.argv[1])), 5, lambda links: print(links, flush=True))
"""


@pytest.mark.parametrize("batches", [1, 3, 8])
def test_a_projector_that_is_killed_loses_and_doubles_nothing(
    client: Driver, store: GraphStore, ledger: SqliteLedger, neo4j: Connection, tmp_path: Path, batches: int
) -> None:
    store.project(ledger)
    clean = whole(client)
    store.clear()
    command = [sys.executable, "-c", PROJECT, str(tmp_path / "ledger.sqlite"), neo4j.uri, neo4j.user]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(f"{neo4j.password}\n")
        child.stdin.flush()
        for _ in range(batches):
            assert child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
    assert store.watermark().offset >= 5 * batches
    store.project(ledger)
    assert whole(client) == clean


def test_nothing_is_projected_into_a_clearing_that_was_cut_off(
    client: Driver, store: GraphStore, ledger: SqliteLedger
) -> None:
    store.project(ledger)
    clean = whole(client)
    with client.session() as session:
        session.run(model.BEGIN_CLEAR).consume()
        session.run("MATCH (n:Account) WITH n LIMIT 20 DETACH DELETE n").consume()
    with pytest.raises(GraphUnavailable, match="being emptied"):
        store.project(ledger)
    store.clear()
    store.project(ledger)
    assert whole(client) == clean


def test_a_graph_of_another_ledger_is_refused(store: GraphStore, ledger: SqliteLedger, tmp_path: Path) -> None:
    store.project(ledger)
    with closing(SqliteLedger(tmp_path / "other.sqlite")) as other, pytest.raises(GraphUnavailable, match="db rebuild"):
        store.project(other)
