"""A model on disk: model.safetensors and manifest.json, checked against each other; nothing that can run code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from gnn.errors import ModelError

WEIGHTS = "model.safetensors"
MANIFEST = "manifest.json"
FORMAT = 1
REGISTERED = "registered"
"""What is noted of a model when it is kept (when, after which other) and does not make it another one."""

Tensors = dict[str, npt.NDArray[Any]]


def write_tensors(folder: Path, manifest: Mapping[str, Any], tensors: Tensors) -> str:
    """Write both files and return the version id, a hash of all that the model is. The manifest is written last."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = save_tensors({name: np.ascontiguousarray(value) for name, value in sorted(tensors.items())})
    body = {**manifest, "format": FORMAT, "sha256": hashlib.sha256(weights).hexdigest()}
    body["version"] = _version(body)
    replace_file(folder / WEIGHTS, weights)
    replace_file(folder / MANIFEST, (json.dumps(body, indent=1, sort_keys=True) + "\n").encode())
    return str(body["version"])


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of the model in `folder`. Raises ModelError when it is missing, unreadable or was changed."""
    try:
        body = json.loads((folder / MANIFEST).read_text("utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"There is no model in {folder}.", hint="Train one or restore its files.") from error
    except ValueError as error:
        raise _damaged(folder, f"{MANIFEST} is not JSON") from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise ModelError(f"The model in {folder} has a format that this version does not read.", hint="Train it again.")
    if body.get("version") != _version(body):
        raise _damaged(folder, f"{MANIFEST} does not match its version id")
    return body


def read_tensors(folder: Path, prefix: str = "") -> tuple[dict[str, Any], Tensors]:
    """The manifest, and the tensors whose name begins with `prefix`, without it. Raises ModelError."""
    manifest = read_manifest(folder)
    try:
        weights = (folder / WEIGHTS).read_bytes()
    except FileNotFoundError as error:
        raise _damaged(folder, f"{WEIGHTS} is missing") from error
    if hashlib.sha256(weights).hexdigest() != manifest["sha256"]:
        raise _damaged(folder, f"{WEIGHTS} does not match the checksum in {MANIFEST}")
    try:
        tensors = load_tensors(weights)
    except SafetensorError as error:
        raise _damaged(folder, f"{WEIGHTS} cannot be read") from error
    return manifest, {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def _version(body: Mapping[str, Any]) -> str:
    text = json.dumps({key: value for key, value in body.items() if key not in ("version", REGISTERED)}, sort_keys=True)
    return "gnn-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file in one step: who reads it meanwhile sees the one before."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(content)
    partial.replace(path)


def _damaged(folder: Path, what: str) -> ModelError:
    return ModelError(
        f"The model in {folder} is damaged or was changed: {what}.", hint="Restore its files or train again."
    )
