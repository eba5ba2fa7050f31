"""The challenger judges what the champion judges, unseen: its probabilities are kept beside the champion's, and no
answer, page or export shows them.

One file for each day looked at and for DAYS_KEPT days, so that labels decided later can tell which of the two was
right, and so that the space it takes is bounded.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from graphsvc.config import Places
from graphsvc.errors import ModelUnavailable
from graphsvc.jobs.models import champion_version, folder_of, load_model, read_states
from graphsvc.jobs.observe import Observed, Report

if TYPE_CHECKING:
    from gnn.predict import Prediction

log = structlog.get_logger("shadow")
DAYS_KEPT = 28
"""Reviews come within weeks of what they review."""
SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("champion", pa.float32()),
        ("challenger", pa.float32()),
        ("champion_cluster", pa.float32()),
        ("challenger_cluster", pa.float32()),
        ("cluster", pa.int32()),
        ("banned", pa.bool_()),
    ]
)
"""Probabilities of each account and of the cluster in which it is shown (0 in none); the cluster it was found in, -1
for none; whether it was banned by then."""


@dataclass(frozen=True)
class Run:
    """One look judged by both. `as_of_ms`: nothing later was known to either; `seconds`: what the challenger cost."""

    as_of_ms: int
    seconds: float
    rows: pa.Table


def judge_beside(places: Places, observed: Observed, champion: str, said: Prediction, report: Report) -> None:
    """Lets the challenger, where there is one, judge what `champion` said `said` of, and keeps both. A challenger that
    cannot be read is logged and holds nothing up."""
    try:
        challenger = read_states(places).challenger
        if not challenger or champion != champion_version(places):
            return
        report("the challenger judges too, unseen", 0.75)
        started_s = time.perf_counter()
        beside = _prediction(places, challenger, observed)
    except ModelUnavailable as error:
        log.warning("challenger_failed", code=error.code, reason=str(error))
        return
    seconds = time.perf_counter() - started_s
    _keep(places, (champion, challenger), Run(observed.view.as_of_ms, seconds, _rows(observed, said, beside)))


def _prediction(places: Places, version: str, observed: Observed) -> Prediction:
    from gnn.predict import predict

    return predict(load_model(folder_of(places, version)), observed.network)


def _rows(observed: Observed, champion: Prediction, challenger: Prediction) -> pa.Table:
    accounts = observed.view.accounts
    columns = [
        accounts["account_id"].cast(pa.string()),
        champion.account_probability,
        challenger.account_probability,
        _of_cluster(champion, champion.clusters),
        _of_cluster(challenger, observed.shown(challenger.clusters)),
        observed.clusters.astype(np.int32),
        accounts["banned"].to_numpy() > 0,
    ]
    return pa.table(columns, schema=SCHEMA)


def _of_cluster(said: Prediction, clusters: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    return np.append(said.cluster_probability, np.float32(0)).astype(np.float32)[clusters]


def runs(places: Places, champion: str, challenger: str) -> Iterator[Run]:
    """What was kept of these two, the earliest look first."""
    for path in sorted(_folder(places, champion, challenger).glob("*.parquet")):
        table = pq.read_table(path, memory_map=False)
        noted = table.schema.metadata
        yield Run(int(noted[b"as_of_ms"]), float(noted[b"seconds"]), table)


def _keep(places: Places, pair: tuple[str, str], run: Run) -> None:
    """Replaces the same day's run by this one where it is the later look, and forgets what is too old or was of other
    models."""
    folder = _folder(places, *pair)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.fromtimestamp(run.as_of_ms / 1000, UTC):%Y-%m-%d}.parquet"
    if path.exists() and int(pq.read_schema(path).metadata[b"as_of_ms"]) > run.as_of_ms:
        return
    noted = {"as_of_ms": str(run.as_of_ms), "seconds": f"{run.seconds:.3f}"}
    draft = path.with_name(f".{path.name}.part")
    pq.write_table(run.rows.replace_schema_metadata(noted), draft, compression="zstd")
    draft.replace(path)
    for old in sorted(folder.glob("*.parquet"))[:-DAYS_KEPT]:
        old.unlink()
    for other in folder.parent.iterdir():
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)


def _folder(places: Places, champion: str, challenger: str) -> Path:
    return places.root / "shadow" / f"{champion}~{challenger}"
