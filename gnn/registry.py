"""Models on disk: saved, and loaded only when they are what their manifest says and what this version computes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from gnn.attributes import from_manifest, to_manifest
from gnn.calibrate import Interval, Platt
from gnn.card import CARD, card
from gnn.correction import Correction
from gnn.ensemble import Model
from gnn.errors import ModelError
from gnn.features import FEATURES
from gnn.files import REGISTERED, Tensors, read_manifest, read_tensors, replace_file, write_tensors
from gnn.head import HEAD_FEATURES, Head
from gnn.model import AccountNetwork, Shape
from gnn.trees import from_bytes, to_bytes

__all__ = ["SHIPPED", "load", "read_manifest", "save"]

SHIPPED = Path(__file__).parent / "shipped"
"""The model that comes with the package, trained on simulated worlds."""


def save(model: Model, folder: Path, registered: Mapping[str, Any] | None = None) -> str:
    """Write the model's two files and its card into `folder` and return its version id, a hash of its content.
    `registered` is noted in the manifest and is no part of the content: `created_ms`, `parent`."""
    tensors: Tensors = {f"head.{name}": value for name, value in model.head.tensors().items()}
    tensors |= {"interval.low": model.interval.low, "interval.high": model.interval.high}
    if model.correction is not None:
        tensors |= {f"correction.{name}": value for name, value in model.correction.tensors().items()}
    for index, network in enumerate(model.networks):
        tensors |= {f"network.{index}.{name}": value.numpy() for name, value in network.state_dict().items()}
    tensors |= {f"trees.{index}": raw for index, raw in enumerate(to_bytes(model.trees))}
    manifest: dict[str, Any] = {
        "features": list(model.features),
        "head_features": list(HEAD_FEATURES),
        "shape": asdict(model.shape),
        "networks": len(model.networks),
        "attributes": to_manifest(model.attributes),
        "calibration": {"account": asdict(model.account), "cluster": asdict(model.cluster)},
        "notes": json.loads(json.dumps(dict(model.notes))),
    }
    if registered is not None:
        manifest[REGISTERED] = dict(registered)
    version = write_tensors(folder, manifest, tensors)
    replace_file(folder / CARD, card(read_manifest(folder)).encode())
    return version


def load(folder: Path) -> Model:
    """The model in `folder`, ready to predict. Raises ModelError when a file is missing or was changed, or when the
    model reads other features than this version computes."""
    manifest, tensors = read_tensors(folder)
    if tuple(manifest["features"]) != FEATURES or tuple(manifest["head_features"]) != HEAD_FEATURES:
        raise ModelError(
            f"The model in {folder} reads other features than this version computes.",
            hint="Train it again with this version, or install the version that made it.",
        )
    version = str(manifest["version"])
    shape = Shape(**manifest["shape"])
    calibration = manifest["calibration"]
    return Model(
        networks=tuple(_network(shape, _part(tensors, f"network.{index}.")) for index in range(manifest["networks"])),
        trees=from_bytes([tensors[f"trees.{index}"] for index in range(manifest["networks"])]),
        shape=shape,
        features=tuple(manifest["features"]),
        account=Platt(**calibration["account"]),
        cluster=Platt(**calibration["cluster"]),
        interval=Interval(tensors["interval.low"], tensors["interval.high"]),
        head=Head.of(version, _part(tensors, "head.")),
        notes=manifest["notes"],
        version=version,
        attributes=from_manifest(manifest.get("attributes", ())),
        correction=Correction.of(_part(tensors, "correction.")),
    )


def _network(shape: Shape, tensors: Tensors) -> AccountNetwork:
    network = AccountNetwork(shape)
    network.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in tensors.items()})
    return network.eval()


def _part(tensors: Tensors, prefix: str) -> Tensors:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}
