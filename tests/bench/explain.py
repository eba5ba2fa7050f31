"""Whether what is named for a score carries it, and what naming it costs.

    python -m tests.bench.explain --worlds plain mixed --accounts 1500 --seed 3 --sample 12

Each world is ingested and looked at as by `graphsvc detect` with the shipped model. One JSON line a world and a case:

`offline`: over flagged accounts that share three things or more, how far the log odds fall without the strongest
quarter of the links that `graphsvc explain` names, and without as many others of the same account; how often there is a
counterfactual, of how many links, and how often it is proven that no smaller one does; how far the part that is read is
from the whole network; seconds an account.

`online`: the same accounts by the real-time head: how far the whole model's log odds fall without the identifier that
the head names first, and without one of the others; milliseconds.

`--index 100000` measures the online answer alone, on a drawn network and in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from gnn.around import Whole, around, judged
from gnn.explain import Explanation, Link, explain, links_of
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import Settings, load_settings
from graphsvc.jobs.detect import detect
from graphsvc.jobs.models import load_model
from graphsvc.jobs.observe import latest_ms, observe, quiet, sync_tables
from graphsvc.jobs.train import of_world
from graphsvc.ledger import open_ledger
from graphsvc.links.tables import LinkTables
from graphsvc.risk.carried import carried
from graphsvc.risk.follow import make_index
from graphsvc.risk.index import Index
from graphsvc.risk.keys import account_key
from graphsvc.risk.score import HeadScorer, Scorer, load_scorer
from tests.bench.cluster_worlds import made
from tests.bench.risk import drawn, index_of, small_head

DAYS = 20
SHARED_LEAST = 3
DRAWS = 3
ASKED = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", nargs="+", default=["plain"])
    parser.add_argument("--accounts", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--sample", type=int, default=12, help="flagged accounts of each world")
    parser.add_argument("--index", type=int, help="accounts of a drawn network; no world")
    options = parser.parse_args()
    if options.index is not None:
        drawn_alone(options.index)
        return
    for name in options.worlds:
        with tempfile.TemporaryDirectory() as folder:
            world(name, Path(folder), options.accounts, options.seed, options.sample)


def world(name: str, folder: Path, accounts: int, seed: int, sample: int) -> None:
    made(name, folder, accounts, DAYS, seed)
    settings = of_world(load_settings(neo4j_uri="off"), folder / "data")
    detect(settings, None, quiet)
    whole, index, scorer = opened(settings)
    facts = {"world": name, "accounts": accounts, "seed": seed}
    found, seconds = [], []
    for row in chosen(whole, sample):
        started_s = time.perf_counter()
        found.append(explain(whole, row))
        seconds.append(time.perf_counter() - started_s)
    told("offline", facts | offline(whole, found) | {"seconds_p50": round(float(np.median(seconds)), 2)})
    told("online", facts | online(whole, found, index, scorer))


def opened(settings: Settings) -> tuple[Whole, Index, Scorer]:
    """The world under the whole model, and the index and the head that answer online."""
    tables = LinkTables(settings.places.links)
    with closing(open_ledger(settings)) as ledger:
        sync_tables(tables, ledger, quiet)
        network = observe(tables, ledger, latest_ms(tables, ledger), quiet).network
        scorer, problem = load_scorer(settings.places.active_model)
        assert not problem
        index = make_index(ledger, tables, ResultsReader(settings.places.results), scorer)
    return judged(load_model(settings.places.active_model), network), index, scorer


def chosen(whole: Whole, sample: int) -> list[int]:
    """Flagged accounts from the surest to the least sure."""
    links = whole.links
    shared = np.bincount(links.account[links.degree[links.identifier] > 1], minlength=links.accounts)
    rows = np.flatnonzero((whole.log_odds > 0) & (shared >= SHARED_LEAST))
    rows = rows[np.argsort(-whole.log_odds[rows], kind="stable")]
    places = np.unique(np.linspace(0, len(rows) - 1, min(sample, len(rows))).astype(int))
    return [int(row) for row in rows[places]]


def offline(whole: Whole, found: list[Explanation]) -> dict[str, object]:
    named, others = [], []
    for one in found:
        part, links = around(whole, one.account), in_order(whole, one)
        count = max(len(links) // 4, 1)
        random = np.random.default_rng(one.account)

        def fall(places: np.ndarray) -> float:
            gone = part.nothing  # noqa: B023
            for place in places:
                gone |= links[int(place)].gone  # noqa: B023
            return one.part_log_odds - part.log_odds(gone)  # noqa: B023

        named.append(fall(np.arange(count)))
        rest = np.arange(count, len(links))
        others.append(float(np.mean([fall(random.permutation(rest)[:count]) for _ in range(DRAWS)])))
    said = [one.counterfactual for one in found if one.counterfactual is not None]
    return {
        **compared(named, others),
        "links_mean": round(float(np.mean([len(one.links) for one in found])), 1),
        "counterfactual_share": round(len(said) / len(found), 3),
        "counterfactual_links_p50": float(np.median([len(one.links) for one in said])) if said else None,
        "counterfactual_proven": round(float(np.mean([one.proven for one in said])), 3) if said else None,
        "accounts_read_mean": round(float(np.mean([one.accounts_read for one in found]))),
        "part_difference_most": round(max(abs(one.part_log_odds - one.log_odds) for one in found), 4),
    }


def in_order(whole: Whole, found: Explanation) -> list[Link]:
    links = {(link.type, link.identifier, link.others): link for link in links_of(around(whole, found.account))}
    return [links[one.type, one.identifier, one.others] for one in found.links]


def online(whole: Whole, found: list[Explanation], index: Index, scorer: Scorer) -> dict[str, object]:
    """The head's first against the whole model's own account of it; the head knows no rows, so links are told apart by
    type and by how many share them."""
    names = whole.network.accounts["account_id"]
    named, others, times_ms = [], [], []
    for one in found:
        look = index.look(account_key(names[one.account].as_py()))
        for turn in range(ASKED):
            started_s = time.perf_counter()
            said = carried(look, scorer)
            if turn >= ASKED // 2:
                times_ms.append((time.perf_counter() - started_s) * 1000)
        drops = {(link.type, link.others_count): link.drop for link in one.links}
        first = max(said.items, key=lambda item: item.log_odds or 0.0)
        key = (first.identifier_type, first.shared_with)
        rest = [drop for link, drop in drops.items() if link != key]
        if key in drops and rest:
            named.append(drops[key])
            others.append(float(np.mean(rest)))
    return {**compared(named, others), "matched": len(named), **quantiles(times_ms)}


def compared(named: list[float], others: list[float]) -> dict[str, object]:
    return {
        "explained": len(named),
        "fall_named": round(float(np.mean(named)), 3),
        "fall_others": round(float(np.mean(others)), 3),
        "named_more_share": round(float(np.mean(np.array(named) > np.array(others))), 3),
    }


def drawn_alone(accounts: int, turns: int = 4_000) -> None:
    """Reasons with what each carries, all sets of up to eight included, on a head that flags nearly everybody."""
    rng = np.random.default_rng(7)
    view = drawn(rng, accounts)
    index, scorer = index_of(view, rng), HeadScorer(small_head())
    names = view.accounts["account_id"].combine_chunks()
    times_ms, sets = [], 0
    for turn, row in enumerate(rng.integers(0, accounts, turns + 200).tolist()):
        look = index.look(account_key(names[row].as_py()))
        started_s = time.perf_counter()
        said = carried(look, scorer)
        if turn >= 200:
            times_ms.append((time.perf_counter() - started_s) * 1000)
            sets += said.probability >= said.flagged_from
    told("online_alone", {"accounts": accounts, "flagged_share": round(sets / turns, 3), **quantiles(times_ms)})


def quantiles(times_ms: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(times_ms, [50, 99])
    return {"p50_ms": round(float(p50), 3), "p99_ms": round(float(p99), 3)}


def told(case: str, facts: dict[str, object]) -> None:
    print(json.dumps({"case": f"explain/{case}", **facts}), flush=True)


if __name__ == "__main__":
    main()
