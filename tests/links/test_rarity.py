"""The links of an account in the order of group, rarity and what is left of them; types read as codes."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.links.combinations import FEW, _by_rarity
from graphsvc.links.weights import TYPES, bits_of, decay_of, encoded, groups_of, priors_of

LINKS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(3, 6), st.sampled_from([0.25, 0.5, 1.0])),
    max_size=5 * FEW,
)


@settings(deadline=None)
@given(LINKS)
def test_the_order_is_that_of_a_plain_sort(links: list[tuple[int, int, int, float]]) -> None:
    links = sorted(links, key=lambda link: link[0])
    account = np.array([link[0] for link in links], np.int32)
    group = np.array([link[1] for link in links], np.int8)
    degree = np.array([link[2] for link in links], np.int32)
    left = np.array([link[3] for link in links], np.float32)
    order = np.arange(len(links))
    _by_rarity(np.searchsorted(account, np.arange(5)).astype(np.int64), group, degree, left, order)
    assert order.tolist() == np.lexsort((-left, degree, group, account)).tolist()


def test_codes_of_types_weigh_as_their_names_do() -> None:
    names = [*TYPES, "badge", *TYPES]
    given_names = pa.table({"type": pa.array(names), "id": pa.array([str(row) for row in range(len(names))])})
    coded = encoded(given_names)
    assert pa.types.is_dictionary(coded["type"].type)
    assert encoded(coded).equals(coded)
    degree = np.full(len(names), 5, np.int32)
    age_ms = np.arange(len(names), dtype=np.int64) * 86_400_000
    some = pa.array([3, 0, len(names) - 1])
    for one, other in (
        (given_names["type"], coded["type"]),
        (given_names["type"].take(some), coded["type"].take(some)),
    ):
        size = len(one)
        assert bits_of(one, degree[:size], 1000).tolist() == bits_of(other, degree[:size], 1000).tolist()
        assert decay_of(one, age_ms[:size]).tolist() == decay_of(other, age_ms[:size]).tolist()
        assert groups_of(one).tolist() == groups_of(other).tolist()
        assert priors_of(one).tolist() == priors_of(other).tolist()
