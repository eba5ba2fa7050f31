"""Which model is in use: the deployment's own, once one was trained, else the one that ships."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from graphsvc.config import Places
from graphsvc.errors import ModelUnavailable

if TYPE_CHECKING:
    from gnn.ensemble import Model


def load_model(folder: Path) -> Model:
    """Raises ModelUnavailable where the training stack or the model's files are missing or damaged."""
    if importlib.util.find_spec("torch") is None:
        raise ModelUnavailable("PyTorch is not installed.", hint="Install graphsvc[model] to train and to detect.")
    from gnn import registry
    from gnn.errors import ModelError

    try:
        return registry.load(folder)
    except ModelError as error:
        raise ModelUnavailable(error.message, hint=error.hint) from None


def keep_model(model: Model, places: Places) -> str:
    """Saves a model in the data folder and puts it in use. Returns its version."""
    from gnn import registry

    places.models.mkdir(exist_ok=True)
    draft = places.models / f".new-{os.getpid()}"
    version = registry.save(model, draft)
    folder = places.models / version
    if not folder.exists():
        draft.rename(folder)
    mark = places.models / f".current-{os.getpid()}"
    mark.write_text(version)
    mark.replace(places.current_model)
    return version
