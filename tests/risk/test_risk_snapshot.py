"""The base on disk: the same answers from it as from memory, and never a damaged or foreign one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gnn.head import HEAD_FEATURES, Head, SharedRows, head_features
from graphsvc.clusters.results import Run
from graphsvc.events.record import Identifier, LabelRecord
from graphsvc.risk.base import Base, base_of
from graphsvc.risk.index import Index
from graphsvc.risk.judge import judge, weights_of
from graphsvc.risk.keys import account_key
from graphsvc.risk.labels import LabelBook
from graphsvc.risk.seen import Seen
from graphsvc.risk.snapshot import MANIFEST, Snapshots, Wanted
from tests.links.worlds import START_MS, event, view
from tests.risk.conftest import Deployment, wait_for

SEED = 7
RUN = Run(START_MS, 30, "m", START_MS + 1)
WANTED = Wanted(RUN, START_MS, 0.1, 0)


@pytest.fixture
def base(tmp_path: Path) -> Base:
    kinds = ("ip", "device", "wallet")
    records = [
        event(f"e{place}", f"a{place % 9}", START_MS, [(kinds[place % 3], str(place % 5)), ("org", str(place % 2))])
        for place in range(30)
    ]
    book = LabelBook(SEED)
    book.add([LabelRecord("a1", "abusive", START_MS, "review")])
    return base_of(view(tmp_path / "w", records), 30, None, book, 0.1)


@pytest.fixture
def kept(tmp_path: Path, base: Base) -> Snapshots:
    snapshots = Snapshots(tmp_path / "risk", SEED)
    snapshots.keep(base, RUN, START_MS, 1)
    return snapshots


def looks(base: Base) -> list[object]:
    index = Index(base, LabelBook(SEED), 0)
    found = [index.look(index.key(f"a{place}"), [Identifier("ip", "1")]) for place in range(10)]
    return [(one.standing, one.now.types, [column.tolist() for column in vars(one.now.rows).values()]) for one in found]


def test_looks_are_the_same_from_disk_and_from_memory(base: Base, kept: Snapshots) -> None:
    known = kept.open(WANTED)
    assert known is not None
    assert looks(known.base) == looks(base)
    assert (known.moment_ms, known.label_offset, len(known.base)) == (START_MS, 1, 9)
    assert not known.base.arrays.links.flags.writeable


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(None, START_MS, 0.1, 0),
        Wanted(RUN, START_MS + 1, 0.1, 0),
        Wanted(RUN, START_MS, 0.3, 0),
        Wanted(RUN, START_MS, 0.1, 31),
    ],
)
def test_one_that_does_not_fit_is_not_opened(kept: Snapshots, wanted: Wanted) -> None:
    assert kept.open(wanted) is None


@pytest.mark.parametrize("file", ["links.npy", "accounts.npy", MANIFEST])
@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_a_damaged_one_is_refused_in_plain_words(
    tmp_path: Path, kept: Snapshots, capsys: pytest.CaptureFixture[str], file: str, damage: str
) -> None:
    (path,) = (tmp_path / "risk").glob(f"base-*/{file}")
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] if damage == "cut" else content[:-9] + b"123456789")
    assert kept.open(WANTED) is None
    assert ("made anew" in capsys.readouterr().out) == (damage != "gone" or file != MANIFEST)


def test_another_format_or_key_is_refused(tmp_path: Path, kept: Snapshots) -> None:
    assert Snapshots(tmp_path / "risk", SEED + 1).open(WANTED) is None
    (path,) = (tmp_path / "risk").glob(f"base-*/{MANIFEST}")
    path.write_bytes(msgspec.json.encode(msgspec.json.decode(path.read_bytes()) | {"format": 0}))
    assert kept.open(WANTED) is None


def test_a_new_one_replaces_the_old_one_which_stays_readable(tmp_path: Path, base: Base, kept: Snapshots) -> None:
    old = kept.open(WANTED)
    later = Run(START_MS + 5, 30, "m", START_MS + 9)
    (tmp_path / "risk" / ".unfinished-of-one-who-was-killed").mkdir()
    with kept.making():
        kept.keep(base, later, START_MS + 5, 1)
    assert len(list((tmp_path / "risk").glob("base-*"))) == 1
    assert not list((tmp_path / "risk").glob(".unfinished-*"))
    assert kept.open(WANTED) is None
    assert old is not None
    assert looks(old.base) == looks(base)


def test_a_start_opens_what_was_kept_and_heals_what_is_damaged(deployment: Deployment) -> None:
    deployment.ingest([deployment.pays(f"a{place}", "card") for place in range(5)])
    deployment.detect({"a0": 0.4})
    deployment.start().stop()
    folder = deployment.settings.places.risk
    (first,) = folder.glob("base-*")
    written_ns = (first / MANIFEST).stat().st_mtime_ns
    deployment.start().stop()
    (second,) = folder.glob("base-*")
    assert (second / MANIFEST).stat().st_mtime_ns == written_ns
    (second / "links.npy").write_bytes(b"nothing")
    service = deployment.start()
    assert service.assess_account("a0").probability == pytest.approx(0.4)
    assert service.assess_account("a1").reasons[0].shared_with == 4


def test_labels_that_came_after_the_base_count_whenever_they_were_decided(deployment: Deployment) -> None:
    deployment.ingest([deployment.pays(f"a{place}", "card") for place in range(5)])
    deployment.detect({})
    deployment.start().stop()
    early = LabelRecord("a0", "abusive", 1, "review")
    deployment.ledger.append_labels([early])
    service = deployment.start()
    assert service.assess_account("a1").reasons[0].shared_with_confirmed == 1
    deployment.label("a2", "abusive")
    wait_for(lambda: service.assess_account("a1").reasons[0].shared_with_confirmed == 2)


@st.composite
def shared_rows(draw: st.DrawFn) -> SharedRows:
    count = draw(st.integers(0, 9))

    def column(values: st.SearchStrategy[float], kind: type) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
        return np.array(draw(st.lists(values, min_size=count, max_size=count)), kind)

    whole, share = st.integers(0, 500), st.floats(0, 1, width=32)
    return SharedRows(
        group=column(st.integers(0, 11), np.int64),  # type: ignore[arg-type]
        bits=column(st.floats(-1, 30, width=32), np.float32),
        others=column(whole, np.int64),  # type: ignore[arg-type]
        mean_probability=column(share, np.float32),
        max_probability=column(share, np.float32),
        confirmed_abusive=column(whole, np.int64),  # type: ignore[arg-type]
        confirmed_benign=column(whole, np.int64),  # type: ignore[arg-type]
    )


def drawn_head() -> Head:
    rng, width = np.random.default_rng(5), len(HEAD_FEATURES)
    sizes = {"mean": (width,), "scale": (width,), "w1": (width, 16), "b1": (16,), "w2": (16,), "b2": (1,)}
    tensors = {name: rng.normal(size=size).astype(np.float32) for name, size in sizes.items()}
    tensors["scale"] = np.abs(tensors["scale"]) + 0.5
    return Head.of("drawn", tensors | {"calibration": np.array([0.8, -0.3], np.float32)})


@hypothesis_settings(max_examples=300, deadline=None)
@given(rows=shared_rows())
def test_the_compiled_head_says_what_the_model_says(rows: SharedRows) -> None:
    head = drawn_head()
    assert judge(rows, weights_of(head)) == pytest.approx(float(head.score(head_features(rows))), abs=1e-5)


def test_ids_that_were_there_are_known_and_hardly_any_other(deployment: Deployment) -> None:
    ids = [f"e{place}" for place in range(3)]
    deployment.ingest([deployment.event("a") | {"event_id": one} for one in ids])
    seen = Seen(10)
    assert seen.may_hold("never")
    while seen.fill(deployment.ledger):
        pass
    seen.add(["later"])
    assert all(seen.may_hold(one) for one in (*ids, "later"))
    assert sum(seen.may_hold(f"x{place}") for place in range(20_000)) < 20


def test_keys_differ_by_deployment() -> None:
    assert account_key("a", 1) != account_key("a", 2)
