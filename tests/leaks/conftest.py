"""The one small world that this folder's tests share, and what is said of it as it is."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from graphsvc.simulate import load_world, simulate
from tests.leaks.judged import Judged, judge
from tests.leaks.logs import Log


@dataclass(frozen=True)
class Made:
    """A simulated world: its log as any provider has one, and the truth by account, which no code under test sees."""

    folder: Path
    log: Log
    truth: Mapping[str, Mapping[str, str]]

    def abusive(self, account: str) -> bool:
        return self.truth[account]["abusive"] == "1"


def make(folder: Path, world: str = "plain", **changes: object) -> Made:
    simulate(msgspec.structs.replace(load_world(world), **changes), folder)
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as rows:
        truth = {row["account_id"]: row for row in csv.DictReader(rows)}
    return Made(folder, Log.read(folder), truth)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """500 accounts over 30 days, five requests each on average, one in five or so of them abusive."""
    return make(tmp_path_factory.mktemp("made"), accounts=500, requests=5.0, seed=77, abusive_share=(0.2, 0.2))


@pytest.fixture(scope="session")
def as_it_is(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Judged:
    return judge(tmp_path_factory.mktemp("as-it-is"), made.log)
