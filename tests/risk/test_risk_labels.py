"""Labels of one source and moment: which one is in force hangs on what they say, not on which came first."""

from __future__ import annotations

from itertools import permutations

from graphsvc.events.record import LabelRecord
from graphsvc.risk.keys import account_key
from graphsvc.risk.labels import LabelBook, Standing

LABELS = (
    LabelRecord("a", "abusive", 5, "review", confidence=0.9),
    LabelRecord("a", "benign", 5, "review", confidence=0.8),
    LabelRecord("a", "benign", 5, "review", confidence=0.6),
    LabelRecord("a", "abusive", 4, "review"),
)


def test_the_order_of_arrival_says_nothing() -> None:
    found = set()
    for order in permutations(LABELS):
        book = LabelBook()
        book.add(order)
        found.add(book.standing(account_key("a"), banned=False))
    assert found == {Standing(0.0, 0.8)}
    assert max(LABELS, key=lambda label: label.order) == LABELS[1]
