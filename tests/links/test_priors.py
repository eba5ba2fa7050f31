"""Priors by type follow the labels, as far as there are any."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from graphsvc.events.record import Record
from graphsvc.links.priors import FACTOR_MAX, fitted_priors
from graphsvc.links.view import LinkView
from graphsvc.links.weights import bits_of, explained, weight_of
from tests.links.worlds import START_MS, event, view


def _log(rings: int, families: int) -> list[Record]:
    """Rings of four on a device and an issuer range; families of four on an address and an issuer range; and a crowd
    that shares nothing."""
    groups = [(f"ring{n}", ("device", "bin")) for n in range(rings)] + [
        (f"home{n}", ("ip", "bin")) for n in range(families)
    ]
    crowd = [event(f"one{n}", f"one{n}", START_MS) for n in range(10 * (rings + families))]
    return crowd + [
        event(f"{name}-{member}", f"{name}-{member}", START_MS, [(kind, f"{kind}-{name}") for kind in kinds])
        for (name, kinds), member in itertools.product(groups, range(4))
    ]


def _known(seen: LinkView, names: Sequence[str]) -> np.ndarray:
    return np.isin(seen.accounts["account_id"].to_pylist(), names)


def test_a_type_that_the_banned_share_gains_and_one_that_others_share_with_them_loses(tmp_path: Path) -> None:
    """Half of each ring is banned, and one of each family by mistake: devices hold, addresses fall, issuers between."""
    seen = view(tmp_path / "w", _log(rings=200, families=100))
    banned = [f"ring{n}-{member}" for n in range(200) for member in range(2)] + [f"home{n}-0" for n in range(100)]
    priors = fitted_priors(seen, _known(seen, banned))
    assert priors["device"] > 0.95
    assert priors["ip"] == weight_of("ip").prior / FACTOR_MAX
    assert weight_of("bin").prior < priors["bin"] <= weight_of("bin").prior * FACTOR_MAX


def test_without_labels_and_with_few_the_shipped_priors_hold(tmp_path: Path) -> None:
    seen = view(tmp_path / "w", _log(rings=20, families=20))
    assert fitted_priors(seen, _known(seen, [])) == {}
    assert fitted_priors(seen, _known(seen, ["ring0-0", "ring0-1"])) == {}


def test_a_worth_is_the_product_of_what_it_is_made_of(tmp_path: Path) -> None:
    seen = view(tmp_path / "w", _log(rings=3, families=2))
    bits = bits_of(seen.identifiers["type"], seen.identifiers["degree"].to_numpy(), len(seen.accounts))
    for row, one in enumerate(seen.identifiers.to_pylist()):
        worth = explained(one["type"], one["degree"], len(seen.accounts), 0)
        assert worth.bits == worth.rarity_bits * worth.prior * worth.hub_discount
        assert worth.bits == np.float32(worth.bits) or abs(worth.bits - bits[row]) < 1e-4
    assert explained("ip", 2, 100, 90 * 86_400_000).recency == 0.5
    assert explained("ip", 4000, 10**6, 0).bits == 0.0
