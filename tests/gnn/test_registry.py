"""Models on disk: the same after loading, refused when changed or made for something else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gnn.ensemble import Model
from gnn.errors import ModelError
from gnn.files import MANIFEST, WEIGHTS, read_tensors, write_tensors
from gnn.head import Head
from gnn.predict import predict
from gnn.registry import load, save
from tests.gnn.worlds import World, network_of


def test_a_loaded_model_predicts_the_same(model: Model, world: World, tmp_path: Path) -> None:
    version = save(model, tmp_path)
    loaded, network = load(tmp_path), network_of(world)
    before, after = predict(model, network), predict(loaded, network)
    for name in ("account_probability", "account_embedding", "cluster_probability", "cluster_low", "cluster_high"):
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    assert before.cluster_kind == after.cluster_kind
    assert loaded.version == version


def test_the_version_is_the_content(model: Model, tmp_path: Path) -> None:
    assert save(model, tmp_path / "a") == save(model, tmp_path / "b")
    assert (tmp_path / "a" / WEIGHTS).read_bytes() == (tmp_path / "b" / WEIGHTS).read_bytes()


def test_changed_weights_are_refused(model: Model, tmp_path: Path) -> None:
    save(model, tmp_path)
    content = bytearray((tmp_path / WEIGHTS).read_bytes())
    content[-1] ^= 1
    (tmp_path / WEIGHTS).write_bytes(content)
    for reader in (load, Head.load):
        with pytest.raises(ModelError, match="checksum"):
            reader(tmp_path)


def test_a_changed_manifest_is_refused(model: Model, tmp_path: Path) -> None:
    save(model, tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    manifest["calibration"]["account"]["shift"] += 1.0
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="version id"):
        load(tmp_path)


@pytest.mark.parametrize("field", ["features", "head_features"])
def test_a_model_of_other_features_is_refused(model: Model, tmp_path: Path, field: str) -> None:
    save(model, tmp_path)
    manifest, tensors = read_tensors(tmp_path)
    manifest[field] = manifest[field][::-1]
    write_tensors(tmp_path, manifest, tensors)
    with pytest.raises(ModelError, match="features"):
        load(tmp_path)


def test_a_missing_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model"):
        load(tmp_path)
    with pytest.raises(ModelError, match="no model"):
        Head.load(tmp_path)
