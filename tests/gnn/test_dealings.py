"""What direct links tell of accounts: by direction and sign, as of the moment, in any unit and any order."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.adjacency import DAY_MS, peer_ties
from gnn.attributes import fit_attributes, from_manifest, to_manifest, with_attributes
from gnn.dealings import COLUMNS, dealings, deals_of, worth_of
from gnn.errors import ModelError
from gnn.forecast import voted
from gnn.network import LABEL_SCHEMA, PEER_SCHEMA, Network

NOW_MS = 1_780_000_000_000
Link = tuple[int, int, float, int]


def network_of(links: list[Link], accounts: int, kind: str = "rates") -> Network:
    """Accounts that rated each other: source, target, weight, days ago."""
    source, target, weight, days = zip(*links, strict=True)
    moments = [NOW_MS - day * DAY_MS for day in days]
    peers = pa.table([source, target, [kind] * len(links), weight, moments], names=PEER_SCHEMA.names).cast(PEER_SCHEMA)
    rows = pa.table({"account_id": [f"a{row}" for row in range(accounts)]})
    none = pa.table({"a": pa.array([], pa.int32())})
    return Network(NOW_MS, rows, none, none, peers, none, np.full(accounts, -1, np.int32))


def fact(network: Network, name: str) -> np.ndarray:
    return dealings(network, "rates")[:, COLUMNS.index(name)]


LINKS = [(0, 1, 1.0, 200), (2, 1, 1.0, 100), (3, 1, -1.0, 3), (0, 2, 0.5, 90), (1, 3, 0.2, 5)]


def test_received_and_given_are_told_apart_and_so_are_signs() -> None:
    network = network_of(LINKS, 5)
    assert fact(network, "received_count").argmax() == 1
    assert fact(network, "given_count").argmax() == 0
    assert fact(network, "received_against").argmax() == 1
    assert fact(network, "given_against").argmax() == 3
    assert fact(network, "received_least").argmin() == fact(network, "received_last").argmin() == 1
    assert fact(network, "received_quiet").argmin() == 1
    assert fact(network, "received_age").argmax() == 1
    assert fact(network, "received_count_30d")[1] == fact(network, "received_count_30d")[3]
    assert fact(network, "received_others_harsh").argmax() == 1
    # Who deals with nobody is where others without such links are.
    assert fact(network, "given_count")[4] == fact(network, "given_count").min()


weights = st.floats(-10, 10, width=32).filter(lambda weight: weight == 0 or abs(weight) > 1e-30)
"""None so small that its quarter has fewer digits."""
links = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 7), weights, st.integers(0, 400)),
    min_size=1,
    max_size=30,
)


@settings(deadline=None, max_examples=40)
@given(links, st.randoms(use_true_random=False), st.sampled_from([0.25, 64.0]))
def test_neither_order_nor_unit_nor_rows_matter(given_links: list[Link], luck: object, unit: float) -> None:
    one = dealings(network_of(given_links, 8), "rates")
    assert np.isfinite(one).all()
    assert 0 <= one.min() <= one.max() <= 1
    row = list(range(8))
    luck.shuffle(row)  # type: ignore[attr-defined]
    moved = [(row[source], row[target], weight * unit, days) for source, target, weight, days in given_links]
    luck.shuffle(moved)  # type: ignore[attr-defined]
    assert np.array_equal(dealings(network_of(moved, 8), "rates")[row], one)


def test_fairness_and_goodness_are_those_of_the_paper() -> None:
    """By the definitions, account by account, over a networkx graph."""
    luck = np.random.default_rng(0)
    ends = luck.integers(0, 12, (60, 2)).tolist()
    found = {(a, b): float(luck.uniform(-1, 1)) for a, b in ends}
    graph = nx.DiGraph()
    graph.add_nodes_from(range(12))
    full = np.quantile(np.abs(list(found.values())), 0.99, method="inverted_cdf")
    graph.add_weighted_edges_from((a, b, float(np.clip(w / full, -1, 1))) for (a, b), w in found.items())
    fair, good = dict.fromkeys(graph, 1.0), dict.fromkeys(graph, 0.0)
    for _ in range(60):
        good = {
            v: np.mean([fair[u] * w for u, _, w in graph.in_edges(v, "weight")]) if graph.in_degree(v) else 0.0
            for v in graph
        }
        fair = {
            u: 1 - np.mean([abs(w - good[v]) / 2 for _, v, w in graph.out_edges(u, "weight")])
            if graph.out_degree(u)
            else 1.0
            for u in graph
        }
    worth = worth_of(deals_of(network_of([(a, b, w, 1) for (a, b), w in found.items()], 12), "rates"))
    assert worth.goodness == pytest.approx([good[v] for v in range(12)], abs=1e-4)
    assert worth.fairness == pytest.approx([fair[v] for v in range(12)], abs=1e-4)


def test_a_link_of_negative_weight_ties_nobody() -> None:
    ties = peer_ties(network_of(LINKS, 5))
    assert (ties.weight >= 0).all()
    assert len(ties.other) == 2 * (len(LINKS) - 1)


def test_a_type_of_direct_links_is_named_as_attributes_are() -> None:
    network = network_of(LINKS, 5)
    fitted = fit_attributes([network], ("rates",))
    assert from_manifest(to_manifest(fitted)) == fitted
    assert fitted[0].columns == tuple(f"direct_rates_{name}" for name in COLUMNS)
    own = with_attributes(network, fitted).own
    assert own is not None
    assert np.array_equal(own, dealings(network, "rates"))
    # A later network without such links has everybody in one place.
    later = replace(network, peers=PEER_SCHEMA.empty_table())
    read = with_attributes(later, fitted).own
    assert read is not None
    assert (read == 0.5).all()
    with pytest.raises(ModelError, match="or direct links of that type"):
        fit_attributes([network], ("trusts",))


def labels(rows: list[tuple[int, str, float]]) -> pa.Table:
    made = [
        {"account": account, "verdict": verdict, "confidence": confidence, "decided_ms": number, "source": f"s{number}"}
        for number, (account, verdict, confidence) in enumerate(rows)
    ]
    return pa.Table.from_pylist(made, schema=LABEL_SCHEMA)


def test_most_votes_decide_by_their_confidence() -> None:
    given_labels = labels(
        [
            *[(0, "benign", 0.2)] * 9,
            (0, "abusive", 1.0),
            (1, "abusive", 0.9),
            (1, "benign", 0.5),
            (2, "abusive", 0.3),
            (2, "benign", 0.3),
            (4, "abusive", 0.1),
        ]
    )
    found = voted(given_labels, 5).to_pylist()
    assert [(one["account"], one["verdict"]) for one in found] == [(0, "benign"), (1, "abusive"), (4, "abusive")]
    assert [one["confidence"] for one in found] == pytest.approx([0.8 / 2.8, 0.4 / 1.4, 1.0])
    assert voted(given_labels.take(pa.array(range(14, -1, -1))), 5).select(["account", "verdict"]) == voted(
        given_labels, 5
    ).select(["account", "verdict"])
