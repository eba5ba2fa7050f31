"""One small trained model for all tests of the package."""

from __future__ import annotations

import pytest
import torch

from gnn.ensemble import Model
from gnn.train import TrainConfig, train
from tests.gnn.worlds import World, example_of, make_world

CONFIG = TrainConfig(hidden=24, folds=2, steps=120, device="cpu")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def world() -> World:
    return make_world(0)


@pytest.fixture(scope="session")
def model(world: World) -> Model:
    return train([example_of(world, known_share=0.3)], CONFIG, lambda text, share: None)
