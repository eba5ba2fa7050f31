"""Worlds that the tests of this folder share; each is made once a session."""

from __future__ import annotations

import pytest

from tests.simulate.made import Made, make


@pytest.fixture(scope="session")
def plain_world(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """3,000 accounts of the plain world, 8 requests each."""
    return make(tmp_path_factory.mktemp("plain"), "plain", accounts=3000, requests=8.0, seed=7)


@pytest.fixture(scope="session")
def quiet_world(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("quiet"), "quiet", accounts=400, requests=5.0)
