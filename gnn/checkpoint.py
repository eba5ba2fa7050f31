"""How far a training has come, on disk: a training that was killed goes on from there and ends in the same model.

One safetensors file, replaced in one step, whose header holds the rest as JSON: nothing in it can run code.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from gnn.code import code_version
from gnn.network import Network
from gnn.targets import Example

STATE = "training.safetensors"
SAVE_EVERY_S = 30.0
"""Work lost at most when a training is killed."""

Tensors = dict[str, Tensor]
Tell = Callable[[str], None]


def nobody(text: str) -> None:
    """Words that nobody hears."""


@dataclass
class Checkpoints:
    """Where a training keeps how far it has come; in `folder` None nothing is kept. `tell` is called with a line where
    a training goes on, or where what lies there is of no use. `print_of` is set by the training: what it is made of."""

    folder: Path | None = None
    every_s: float = SAVE_EVERY_S
    tell: Tell = nobody
    print_of: str = ""
    _saved_s: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Whether the last save lies far enough back."""
        return self.folder is not None and time.monotonic() - self._saved_s >= self.every_s

    def save(self, state: Mapping[str, Any], tensors: Tensors) -> None:
        """Replaces what was kept; on disk when this returns."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        header = {"state": json.dumps({**state, "print": self.print_of})}
        content = save({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, header)
        draft = self.folder / f"{STATE}.part"
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.folder / STATE)
        self._saved_s = time.monotonic()

    def load(self) -> tuple[dict[str, Any], Tensors] | None:
        """What was kept of this very training, or None: of other data, settings or code, or damaged, it is left aside
        and `tell` says so."""
        if self.folder is None or not (self.folder / STATE).is_file():
            return None
        try:
            with safe_open(self.folder / STATE, framework="pt") as file:
                state = json.loads((file.metadata() or {}).get("state", "{}"))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, ValueError):
            self.tell("What an earlier training kept is damaged; beginning anew.")
            return None
        if state.get("print") != self.print_of:
            self.tell("An earlier training that was cut short had other data, settings or code; beginning anew.")
            return None
        return state, tensors

    def clear(self) -> None:
        """Forgets what was kept, as a finished training does."""
        if self.folder is not None:
            (self.folder / STATE).unlink(missing_ok=True)


def print_of(examples: Iterable[Example], config: Any, device: torch.device) -> str:
    """A hash of all that a training's outcome hangs on: what it reads, its settings, the code and the device."""
    whole = hashlib.blake2b(digest_size=16)
    made = {"config": asdict(config), "code": code_version(), "torch": torch.__version__, "device": device.type}
    whole.update(json.dumps(made, sort_keys=True).encode())
    for example in examples:
        whole.update(f"\0{example.world}\0{example.network.as_of_ms}\0".encode())
        for table in _tables(example.network, example.outcomes):
            _add(whole, table)
        whole.update(example.network.clusters.tobytes())
    return whole.hexdigest()


def _tables(network: Network, outcomes: pa.Table) -> tuple[pa.Table, ...]:
    seen = (network.accounts, network.identifiers, network.links, network.peers, network.pairs, network.attributes)
    return (*seen, network.labels, outcomes)


def _add(whole: hashlib.blake2b, table: pa.Table) -> None:
    """The table's content in Arrow's stream format, in one chunk however it came."""
    with pa.ipc.new_stream(_Sink(whole), table.schema) as stream:
        for batch in table.combine_chunks().to_batches():
            stream.write_batch(batch)


class _Sink:
    """A file that only counts what is written into a hash."""

    closed = False

    def __init__(self, whole: hashlib.blake2b) -> None:
        self._whole = whole

    def write(self, content: Any) -> int:
        self._whole.update(content)
        return len(content)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is open."""
