"""What each reason carries by the head, and the fewest identifiers without which an account is not flagged."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn.head import HEAD_FEATURES, Head, SharedRows
from graphsvc.risk.carried import carried
from graphsvc.risk.index import Look
from graphsvc.risk.judge import log_odds
from graphsvc.risk.keys import ABSENT
from graphsvc.risk.labels import NEUTRAL, Standing
from graphsvc.risk.score import HeadScorer, RuleScorer, Scorer, network_probability
from graphsvc.risk.shared import NOTHING, Shared
from tests.risk.conftest import Deployment

TYPES = ("device", "instrument", "email", "phone", "subnet", "mail_domain", "org")
GROUPS = (1, 2, 3, 4, 0, 3, 5)


def head(bias: float) -> HeadScorer:
    """Rises with risky neighbours, by a curve, so that two identifiers together carry less than the sum of each."""
    width = len(HEAD_FEATURES)
    column = np.zeros(width)
    column[[HEAD_FEATURES.index(name) for name in ("risk_sum", "risk_peak", "abusive_share", "tie_sum")]] = 3, 3, 4, 0.5
    facts = {"mean": np.zeros(width), "scale": np.ones(width), "w1": column[:, None] / 6.0, "b1": np.zeros(1)}
    facts |= {"w2": np.array([9.0]), "b2": np.array([bias]), "calibration": np.array([1.0, 0.0])}
    return HeadScorer(Head.of("by-hand", {name: value.astype(np.float32) for name, value in facts.items()}))


@st.composite
def shared(draw: st.DrawFn) -> Shared:
    count = draw(st.integers(0, 6))
    kinds = draw(st.lists(st.integers(0, len(TYPES) - 1), min_size=count, max_size=count))
    share = st.lists(st.floats(0, 1, width=32), min_size=count, max_size=count)
    few = st.lists(st.integers(0, 4), min_size=count, max_size=count)
    mean = np.array(draw(share), np.float32)
    rows = SharedRows(
        group=np.array([GROUPS[kind] for kind in kinds], np.int64),
        bits=np.array(
            draw(st.lists(st.sampled_from((0.0, 2.0, 6.0, 11.0)), min_size=count, max_size=count)), np.float32
        ),
        others=np.array(draw(few), np.int64) + 4,
        mean_probability=mean,
        max_probability=mean,
        confirmed_abusive=np.array(draw(few), np.int64),
        confirmed_benign=np.zeros(count, np.int64),
    )
    return Shared(tuple(TYPES[kind] for kind in kinds), rows, (ABSENT,) * count)


def look(now: Shared, detected: float | None = None, standing: Standing = NEUTRAL) -> Look:
    return Look(True, detected, standing, ABSENT, now, now)


def without(rows: SharedRows, gone: set[int]) -> SharedRows:
    kept = [place for place in range(len(rows.group)) if place not in gone]
    return SharedRows(*(getattr(rows, name)[kept] for name in SharedRows.__dataclass_fields__))


@settings(max_examples=150, deadline=None)
@given(now=shared(), detected=st.none() | st.floats(0.01, 0.99), scorer=st.sampled_from((head(-3.0), RuleScorer())))
def test_what_each_carries_is_what_the_score_loses_without_it(
    now: Shared, detected: float | None, scorer: Scorer
) -> None:
    """Held against one score at a time, and against all sets of identifiers in order of their size."""
    one = look(now, detected)
    said, probability = carried(one, scorer), network_probability(one, scorer)
    odds = log_odds(probability)
    whole = log_odds(scorer.score(now.rows)[0])

    def left(gone: set[int]) -> float:
        return odds + log_odds(scorer.score(without(now.rows, gone))[0]) - whole

    strong = [place for place in range(len(now.types)) if now.rows.bits[place] > 0] or list(range(len(now.types)))
    expected = sorted(odds - left({place}) for place in strong)
    assert sorted(item.log_odds or 0.0 for item in said.items) == pytest.approx(expected, abs=2e-3)
    everything = left(set(range(len(now.types))))
    assert said.probability_alone == pytest.approx(1.0 / (1.0 + math.exp(-everything)), abs=2e-6)
    sets = [set(some) for size in range(len(strong) + 1) for some in combinations(strong, size)]
    enough = [len(some) for some in sets if left(some) < 0.0]
    margin = min((abs(left(some)) for some in sets), default=1.0)
    if odds < 0.0:
        assert said.counterfactual is None
    elif margin > 1e-4:
        assert (said.counterfactual is None) == (not enough)
        if said.counterfactual is not None:
            assert len(said.counterfactual.items) == min(enough)
            assert said.counterfactual.probability < said.flagged_from <= said.probability


def test_what_people_decided_has_no_counterfactual_and_who_shares_nothing_no_items() -> None:
    rows = SharedRows(*(np.array([value]) for value in (1, 11.0, 4, 0.9, 0.9, 4, 0)))
    now = Shared(("device",), rows, (ABSENT,))
    scorer = head(-1.0)
    said = carried(look(now), scorer)
    assert said.counterfactual is not None
    assert said.counterfactual.items == (0,)
    banned = carried(look(now, standing=Standing(1.0, 0.0)), scorer)
    assert banned.counterfactual is None
    assert [item.code for item in banned.items] == ["shared_device", "confirmed_abusive"]
    assert banned.items[1].log_odds is None
    alone = carried(look(NOTHING), scorer)
    assert alone.items == ()
    assert alone.probability == alone.probability_alone


def test_the_service_says_what_carries_an_account(deployment: Deployment) -> None:
    ring = [f"ring{place}" for place in range(8)]
    deployment.ingest([deployment.pays(account, "card") for account in ring])
    deployment.detect(dict.fromkeys(ring, 0.95))
    service = deployment.start()
    said = service.carried("ring1")
    assert [item.identifier_type for item in said.items] == ["instrument"]
    assert said.items[0].log_odds is not None
    assert said.items[0].log_odds > 1.0
    assert said.counterfactual is not None
    assert said.counterfactual.items == (0,)
    assert said.probability == pytest.approx(0.95)
    assert said.counterfactual.probability == pytest.approx(said.probability_alone, abs=1e-5)
