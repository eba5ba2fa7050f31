"""A training that was cut short: where it keeps how far it came, and as of when it looked.

Events go on arriving, so that the same command a minute later would learn from other data and begin anew; the moment
that it looked from is therefore kept, and the same command looks from there again.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphsvc.config import Places

if TYPE_CHECKING:
    from collections.abc import Callable

    from gnn.checkpoint import Checkpoints

ASKED = "asked.json"


class Unfinished:
    """One request to train, in the deployment's folder for the training under way. `anew` forgets what lies there."""

    def __init__(self, places: Places, asked: dict[str, Any], anew: bool, tell: Callable[[str], None]) -> None:
        self._folder = places.models / ".training"
        self._asked, self._tell = json.loads(json.dumps(asked)), tell
        if anew:
            self.forget()

    def moment(self) -> int | None:
        """As of when the same request looked that was cut short; None where there is none."""
        try:
            kept = json.loads((self._folder / ASKED).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return int(kept["as_of_ms"]) if kept.get("asked") == self._asked else None

    def begin(self, as_of_ms: int) -> Checkpoints:
        """Notes the request, and gives the place for how far it comes."""
        from gnn.checkpoint import SAVE_EVERY_S, Checkpoints

        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._folder / f"{ASKED}.part"
        draft.write_text(json.dumps({"asked": self._asked, "as_of_ms": as_of_ms}))
        draft.replace(self._folder / ASKED)
        return Checkpoints(self._folder, SAVE_EVERY_S, self._tell)

    def forget(self) -> None:
        """Removes all that was kept, as after a finished training."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def folder(self) -> Path:
        return self._folder
