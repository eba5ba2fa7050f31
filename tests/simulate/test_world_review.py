"""The late review that training learns from: it goes through both sides alike."""

from __future__ import annotations

from pathlib import Path

from graphsvc.simulate.spec import Review
from tests.leaks.conftest import make
from tests.leaks.logs import at_ms


def test_a_late_review_labels_as_large_a_share_of_innocents_as_of_rings(tmp_path: Path) -> None:
    made = make(tmp_path, accounts=1000, requests=1.0, seed=33, abusive_share=(0.3, 0.3), review=Review())
    late = {label["account_id"] for label in made.log.labels if at_ms(label) > made.log.end_ms}
    sides = {side: {one for one in made.truth if made.abusive(one) is side} for side in (True, False)}
    assert len(sides[True]) >= 200
    shares = {side: len(late & accounts) / len(accounts) for side, accounts in sides.items()}
    # 0.9 of units, 0.85 of their members: an innocents' unit is often one person, a ring is one draw for many.
    assert all(abs(share - 0.9 * 0.85) < 0.15 for share in shares.values()), shares
