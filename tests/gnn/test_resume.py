"""A training that is killed goes on where it was, and ends in the same model, bit by bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from gnn.checkpoint import STATE, Checkpoints, print_of
from gnn.files import read_manifest
from gnn.fit import fit, forward
from gnn.model import AccountNetwork, Shape
from gnn.registry import save
from gnn.targets import Example
from gnn.train import TrainConfig, train
from gnn.views import View, views_of
from tests.gnn.plain_fit import plain_fit
from tests.gnn.worlds import example_of, make_world

CONFIG = TrainConfig(hidden=8, folds=2, steps=18, evaluate_every=4, patience=2, device="cpu")
ROOT = Path(__file__).parents[2]
TRAINING = """
import sys
from pathlib import Path
import torch
from gnn.checkpoint import Checkpoints
from gnn.registry import save
from gnn.train import train
from tests.gnn.test_resume import CONFIG, small
torch.set_num_threads(1)
place = Path(sys.argv[1])
kept = Checkpoints(place / "kept", 0.0, lambda text: print("told", text, flush=True))
model = train([small()], CONFIG, lambda step, share: print(step, share, flush=True), kept)
save(model, place / "model")
"""


def small(seed: int = 0) -> Example:
    return example_of(make_world(seed, singles=120, rings=6, campuses=1, offices=2), known_share=0.3)


def quiet(text: str, share: float) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def views() -> list[View]:
    return views_of([small()], CONFIG.folds, CONFIG.hidden_shares, CONFIG.unlabelled_weight, CONFIG.seed)


def shape_of(views: list[View]) -> Shape:
    return Shape(views[0].graph.x.shape[1], CONFIG.hidden, CONFIG.rounds, CONFIG.dropout)


def equal(first: AccountNetwork, second: AccountNetwork) -> bool:
    pairs = zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_fitting_is_the_plain_loop(views: list[View]) -> None:
    networks = fit(views, shape_of(views), CONFIG, Checkpoints(), lambda fold, share: None)
    for fold, network in enumerate(networks):
        assert equal(network, plain_fit(views, shape_of(views), fold, CONFIG))


class Stopped(Exception):
    """Ends a fitting in the middle."""


@pytest.mark.parametrize("stop", [(0, 3), (0, 4), (0, 18), (1, 1), (1, 12)])
def test_wherever_it_stops_it_ends_in_the_same_networks(
    views: list[View], tmp_path: Path, stop: tuple[int, int]
) -> None:
    shape = shape_of(views)
    whole = fit(views, shape, CONFIG, Checkpoints(), lambda fold, share: None)

    def told(fold: int, share: float) -> None:
        if (fold, round(share * CONFIG.steps)) == stop:
            raise Stopped

    try:
        fit(views, shape, CONFIG, Checkpoints(tmp_path, 0.0), told)
    except Stopped:
        torch.manual_seed(999)
    again = fit(views, shape, CONFIG, Checkpoints(tmp_path, 0.0), lambda fold, share: None)
    assert all(equal(*pair) for pair in zip(whole, again, strict=True))


def test_a_killed_process_goes_on_and_ends_in_the_same_model(tmp_path: Path) -> None:
    expected = save(train([small()], CONFIG, quiet), tmp_path / "expected")
    command = [sys.executable, "-c", TRAINING, str(tmp_path)]
    setting = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=setting, cwd=ROOT) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("training network 2 of 2") and float(line.split()[-1]) > 0.6:
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "model").exists()
    again = subprocess.run(command, capture_output=True, text=True, check=True, env=setting, cwd=ROOT)
    assert "told Going on with the training that was cut short: network 2 of 2" in again.stdout
    assert "network 1 of 2" not in again.stdout
    manifests = [read_manifest(tmp_path / name) for name in ("expected", "model")]
    assert manifests[0]["sha256"] == manifests[1]["sha256"]
    assert manifests[1]["version"] == expected


@pytest.mark.parametrize("change", ["data", "settings", "damage"])
def test_what_is_of_another_training_is_left_aside_with_a_word(tmp_path: Path, change: str) -> None:
    device = torch.device("cpu")
    one = Checkpoints(tmp_path, print_of=print_of([small()], CONFIG, device))
    one.save({"done": 0}, {"weights": torch.ones(3)})
    words: list[str] = []
    example, config = small(1 if change == "data" else 0), replace(CONFIG, seed=int(change == "settings"))
    if change == "damage":
        (tmp_path / STATE).write_bytes((tmp_path / STATE).read_bytes()[:-5])
    other = Checkpoints(tmp_path, tell=words.append, print_of=print_of([example], config, device))
    assert other.load() is None
    assert len(words) == 1
    assert "beginning anew" in words[0]


def test_the_same_training_has_the_same_print_however_its_tables_are_cut(tmp_path: Path) -> None:
    example = small()
    network = example.network
    half = network.links.num_rows // 2
    cut = pa.concat_tables([network.links.slice(0, half), network.links.slice(half)])
    other = replace(example, network=replace(network, links=cut))
    device = torch.device("cpu")
    assert print_of([example], CONFIG, device) == print_of([other], CONFIG, device)


def test_what_is_kept_holds_numbers_and_json_only(views: list[View], tmp_path: Path) -> None:
    def told(fold: int, share: float) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        fit(views, shape_of(views), CONFIG, Checkpoints(tmp_path, 0.0, print_of="p"), told)
    loaded = Checkpoints(tmp_path, print_of="p").load()
    assert loaded is not None
    state, tensors = loaded
    assert (state["step"], state["done"]) == (1, 0)
    assert json.loads(json.dumps(state)) == state
    assert {name.split(".")[0] for name in tensors} == {"network", "best", "optimizer", "chance"}


def test_mixed_precision_gives_nearly_the_same_and_gradients_everywhere(views: list[View]) -> None:
    """On the CPU, where autocast takes the same way through the model as on an accelerator."""
    torch.manual_seed(0)
    network = AccountNetwork(shape_of(views))
    network.standardise(views[0].graph.x)
    network.eval()
    full, mixed = (forward(network, views[0].graph, mixed=asked) for asked in (False, True))
    assert mixed.account_logit.dtype == mixed.kind_logits.dtype == torch.float32
    for name in ("account_logit", "kind_logits"):
        expected, got = getattr(full, name).detach().numpy(), getattr(mixed, name).detach().numpy()
        assert (expected != got).any()
        np.testing.assert_allclose(got, expected, atol=0.05)
    (mixed.account_logit.sum() + mixed.kind_logits.sum()).backward()
    used = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
    assert len(used) > 20
    assert all(torch.isfinite(gradient).all() for gradient in used)
