"""A look that goes on from the last one gives what a look from scratch gives, byte for byte, or starts from scratch."""

from __future__ import annotations

import random
import shutil
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.config import load_settings
from graphsvc.events.record import Fingerprint, Identifier, Record, Traits
from graphsvc.jobs.detect import detect
from graphsvc.jobs.ingest import ingest_events, ingest_labels
from graphsvc.jobs.observe import Observed, latest_ms, observe, quiet, sync_tables
from graphsvc.ledger import open_ledger
from graphsvc.links import state
from graphsvc.links.families import Sketches, content_keys, families_of, sketches_of
from graphsvc.links.state import CHUNKS_MAX, FORMAT, MANIFEST, Kept
from graphsvc.links.state_families import joined, leaders_of
from graphsvc.links.tables import LinkTables
from graphsvc.simulate import load_world, simulate
from tests.links.worlds import DAY_MS, HOUR_MS, START_MS, as_bytes, event, filled, random_world

LATER_MS = START_MS + 400 * DAY_MS
SIGNATURE = 32


def sketch(rng: random.Random, family: int, template: int | None = None) -> bytes:
    """A sketch near the middle of its family, whose prompts are alike and share their buckets; with a template's words
    in its sample, if it has one."""
    base = random.Random(f"family {family}")
    values = [base.randrange(2**32) for _ in range(SIGNATURE)]
    sample = [base.randrange(2**32) for _ in range(12)]
    for _ in range(rng.randrange(30)):
        values[rng.randrange(SIGNATURE)] = rng.randrange(3)
    sample[: rng.randrange(12)] = [rng.randrange(2**32) for _ in range(12)]
    frame = random.Random(f"template {template}")
    sample += [] if template is None else [frame.randrange(2**32) for _ in range(6)]
    return np.array([*values, *sorted(set(sample))], "<u4").tobytes()


def prompts(seed: int, accounts: int = 20, count: int = 200) -> list[Record]:
    """Requests of accounts some of which keep to templates, over 30 days."""
    rng = random.Random(seed)
    records = []
    for place in range(count):
        account = rng.randrange(accounts)
        blob = sketch(rng, rng.randrange(6), account % 4 if account < 12 else None)
        at_ms = START_MS + rng.randrange(30 * 24) * HOUR_MS
        print_ = Fingerprint(blob, (), 500)
        records.append(event(f"p{place}", f"a{account}", at_ms, [], "request", status=200, fingerprint=print_))
    return records


def busy_world(seed: int, events: int) -> list[Record]:
    """Events of every kind of a few accounts, at few moments, so that many fall together: with conversations that go on
    elsewhere, some told by their chain and some only by name, organisations, traits, peers and attributes."""
    rng = random.Random(seed)
    records = []
    for place, plain in enumerate(random_world(seed, accounts=12, events=events)):
        traits = Traits(rng.choice(["code", "writing"]), rng.randrange(8), rng.randrange(1000) / 1000)
        talk = rng.randrange(8)
        chain = tuple(f"{talk}-{turn}" for turn in range(rng.randrange(4)))
        facts: dict[str, Any] = {"attributes": {"age": rng.randrange(9)}} if rng.random() < 0.3 else {}
        if plain.type == "request":
            facts |= {"fingerprint": Fingerprint(sketch(rng, rng.randrange(3), place % 3), chain, 500, traits)}
            named = (Identifier("conversation", f"talk-{talk}"), Identifier("org", f"org-{talk % 2}"))
            facts |= {"identifiers": tuple({(one.type, one.id): one for one in (*plain.identifiers, *named)}.values())}
        if plain.type == "enforcement" and rng.random() < 0.5:
            facts |= {"action": "suspended"}
        at_ms = START_MS + rng.randrange(20) * DAY_MS // 2
        records.append(msgspec.structs.replace(plain, occurred_ms=at_ms, received_ms=at_ms, **facts))
    return records


def grown(folder: Path, batches: list[list[Record]]) -> LinkTables:
    """Tables that took in these batches one after the other, each looked at."""
    folder.mkdir(exist_ok=True)
    tables = LinkTables(folder / "links")
    for batch in batches:
        with closing(filled(folder / "ledger.sqlite", batch)) as ledger:
            tables.sync(ledger)
        tables.view(START_MS + 40 * DAY_MS, going_on=True)
    return tables


def assert_same(tables: LinkTables, as_of_ms: int) -> None:
    assert as_bytes(tables.view(as_of_ms, going_on=True)) == as_bytes(tables.view(as_of_ms))


@pytest.mark.parametrize("seed", range(2))
def test_looks_one_after_the_other_give_what_looks_from_scratch_give(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    records = prompts(seed) + random_world(seed)
    # Days in order, but some events are late and some come before their time.
    records.sort(key=lambda record: record.occurred_ms + rng.choice([0, 0, 0, 9, -9]) * DAY_MS)
    tables, moment_ms = LinkTables(tmp_path / "links"), START_MS - DAY_MS
    for at in range(0, len(records), 90):
        with closing(filled(tmp_path / "ledger.sqlite", records[at : at + 90])) as ledger:
            tables.sync(ledger)
        moment_ms += rng.randrange(5) * DAY_MS
        assert_same(tables, moment_ms)
    assert_same(tables, LATER_MS)
    last = tables.view(LATER_MS)
    assert {"prompt_family", "prompt_frame"} <= set(last.identifiers["type"].to_pylist())


@settings(max_examples=3, deadline=None)
@given(
    seed=st.integers(0, 10**6), looks=st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)), min_size=2, max_size=3)
)
def test_whole_views_are_the_same_in_any_steps(seed: int, looks: list[tuple[int, int]]) -> None:
    """Each look takes in some events, in any order of time, and moves on by some days."""
    records = busy_world(seed, sum(count for count, _ in looks))
    with TemporaryDirectory() as place:
        folder, moment_ms, taken = Path(place), START_MS, 0
        tables = LinkTables(folder / "links", batch_records=7)
        for count, days in looks:
            with closing(filled(folder / "ledger.sqlite", records[taken : taken + count])) as ledger:
                tables.sync(ledger)
            taken, moment_ms = taken + count, moment_ms + days * DAY_MS
            assert_same(tables, moment_ms)
        assert_same(tables, LATER_MS)


def test_a_busy_world_has_all_that_is_kept(tmp_path: Path) -> None:
    records = busy_world(1, 300)
    tables = grown(tmp_path, [records[:150], records[150:]])
    last = tables.view(LATER_MS, going_on=True)
    types = set(last.identifiers["type"].to_pylist())
    assert {"conversation", "conversation_in_org", "org", "prompt_family"} <= types
    assert all(map(len, (last.peers, last.attributes, last.names)))
    for fact in ("models", "banned", "area_breadth", "uniformity", "status_429_share", "input_tokens_mean"):
        assert last.accounts[fact].to_numpy().any(), fact


def test_a_state_of_other_tokens_is_left_aside(tmp_path: Path) -> None:
    """The same events, but their identifiers are written otherwise."""
    world, moment_ms = busy_world(2, 80), START_MS + 40 * DAY_MS
    other = [
        msgspec.structs.replace(
            one, identifiers=tuple(msgspec.structs.replace(held, id=f"{held.id}'") for held in one.identifiers)
        )
        for one in world
    ]
    grown(tmp_path / "one", [world])
    tables = grown(tmp_path / "other", [other])
    shutil.rmtree(tmp_path / "other" / "links" / FORMAT)
    shutil.copytree(tmp_path / "one" / "links" / FORMAT, tmp_path / "other" / "links" / FORMAT)
    assert_same(tables, moment_ms)


def test_nothing_new_and_later_moments_change_nothing(tmp_path: Path) -> None:
    tables = grown(tmp_path, [prompts(7)])
    for moment_ms in (START_MS + 40 * DAY_MS, START_MS + 41 * DAY_MS):
        assert_same(tables, moment_ms)


def test_where_nothing_is_new_the_state_stays_as_it_lies(tmp_path: Path) -> None:
    tables = grown(tmp_path, [prompts(15)[:60]])
    (first,) = _states(tmp_path)
    written = (first / MANIFEST).stat().st_ino
    assert_same(tables, LATER_MS)
    assert _states(tmp_path) == [first]
    assert (first / MANIFEST).stat().st_ino == written


def test_empty_tables_and_worlds_without_prompts_are_looked_at_too(tmp_path: Path) -> None:
    tables = LinkTables(tmp_path / "links")
    assert len(tables.view(START_MS, going_on=True).accounts) == 0
    with closing(filled(tmp_path / "ledger.sqlite", [event("e1", "a", START_MS, [("ip", "x")])])) as ledger:
        tables.sync(ledger)
    assert_same(tables, START_MS - 1)
    assert_same(tables, START_MS)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), cuts=st.lists(st.integers(0, 120), max_size=4))
def test_families_grow_in_any_steps(seed: int, cuts: list[int]) -> None:
    rng = random.Random(seed)
    texts = {sketch(rng, rng.randrange(2)) for _ in range(120)}
    blobs = rng.sample(sorted(texts), len(texts))
    whole = sketches_of(pa.chunked_array([pa.array(blobs, pa.binary())]))
    leader, content = Kept().leader, content_keys(whole)
    for end in [*sorted(cut for cut in cuts if cut < len(blobs)), len(blobs)]:
        start = whole.start[: end + 1]
        leader = leaders_of(Sketches(whole.words[: start[-1]], start), content[:end], leader)
    assert leader.tobytes() == leaders_of(whole, content, Kept().leader).tobytes()
    assert joined(leader).tolist() == families_of(whole).tolist()


def test_buckets_are_crowded_enough_to_tell() -> None:
    rng = random.Random(1)
    blobs = sorted({sketch(rng, rng.randrange(2)) for _ in range(120)})
    whole = sketches_of(pa.chunked_array([pa.array(blobs, pa.binary())]))
    leader = leaders_of(whole, content_keys(whole), Kept().leader)
    itself = leader == np.arange(len(blobs))[:, None]
    assert (leader < 0).any()
    assert itself.any()
    assert ((leader >= 0) & ~itself).any()


def test_a_state_is_there_once_and_its_texts_are_not_written_again(tmp_path: Path) -> None:
    records = prompts(3)
    tables = grown(tmp_path, [records[:100]])
    (first,) = _states(tmp_path)
    chunk = (first / "words-0").stat()
    with closing(filled(tmp_path / "ledger.sqlite", records[100:])) as ledger:
        tables.sync(ledger)
    assert_same(tables, LATER_MS)
    (second,) = _states(tmp_path)
    assert second != first
    assert ((second / "words-0").stat().st_ino, (second / "words-0").stat().st_nlink) == (chunk.st_ino, 1)
    assert (second / "words-1").stat().st_size > 0


def test_many_small_looks_join_their_texts(tmp_path: Path) -> None:
    kept = Kept()
    for look in range(1, CHUNKS_MAX + 8):
        length, words = np.append(kept.length, np.int32(2)), np.append(kept.words, np.array([look, 7], np.uint32))
        state.save(tmp_path, replace(kept, offset=look, length=length, words=words))
        found = state.load(tmp_path)
        assert found is not None
        assert found.words.tolist() == words.tolist()
        kept = found
        (place,) = (tmp_path / FORMAT).iterdir()
        assert len(list(place.glob("words-*"))) <= CHUNKS_MAX


@pytest.mark.parametrize("harm", ["cut", "changed", "missing", "no manifest", "not json", "of another format", "half"])
def test_a_state_that_is_not_whole_is_left_aside(tmp_path: Path, harm: str) -> None:
    records = prompts(5)
    tables = grown(tmp_path, [records[:150]])
    (place,) = _states(tmp_path)
    if harm == "cut":
        (place / "leader").write_bytes((place / "leader").read_bytes()[:-4])
    elif harm == "changed":
        data = bytearray((place / "words-0").read_bytes())
        data[len(data) // 2] ^= 1
        (place / "words-0").write_bytes(bytes(data))
    elif harm == "missing":
        (place / "ask").unlink()
    elif harm == "no manifest":
        (place / MANIFEST).unlink()
    elif harm == "not json":
        (place / MANIFEST).write_bytes(b"{")
    elif harm == "of another format":
        place.parent.rename(place.parent.with_name("state-v0"))
    else:
        place.rename(place.with_name(f"{state.UNFINISHED}1"))
    assert state.load(tmp_path / "links") is None
    with closing(filled(tmp_path / "ledger.sqlite", records[150:])) as ledger:
        tables.sync(ledger)
    assert_same(tables, LATER_MS)
    assert state.load(tmp_path / "links") is not None
    assert [path.name for path in (tmp_path / "links").glob("state-*")] == [FORMAT]
    assert len(_states(tmp_path)) == 1


def test_a_state_of_later_events_than_may_be_seen_is_left_aside(tmp_path: Path) -> None:
    tables = grown(tmp_path, [prompts(6)])
    assert_same(tables, START_MS + 12 * DAY_MS)


def test_a_state_of_another_ledger_is_left_aside(tmp_path: Path) -> None:
    tables = grown(tmp_path / "one", [prompts(8)])
    other = grown(tmp_path / "other", [prompts(9)])
    shutil.rmtree(tmp_path / "other" / "links" / FORMAT)
    shutil.copytree(tmp_path / "one" / "links" / FORMAT, tmp_path / "other" / "links" / FORMAT)
    assert_same(other, LATER_MS)
    assert_same(tables, LATER_MS)


def test_a_state_of_other_code_is_left_aside(tmp_path: Path) -> None:
    tables = grown(tmp_path, [prompts(14)])
    kept = state.load(tmp_path / "links")
    assert kept is not None
    recipe, _, events = kept.witness.partition(" ")
    odd = replace(kept, leader=np.zeros_like(kept.leader), grown_of="", witness=f"{'0' * len(recipe)} {events}")
    state.save(tmp_path / "links", odd)
    assert_same(tables, LATER_MS)
    again = state.load(tmp_path / "links")
    assert again is not None
    assert again.witness == kept.witness


def test_a_state_ahead_of_the_tables_is_left_aside(tmp_path: Path) -> None:
    records = prompts(10)
    grown(tmp_path / "long", [records])
    short = grown(tmp_path / "short", [records[:50]])
    shutil.rmtree(tmp_path / "short" / "links" / FORMAT)
    shutil.copytree(tmp_path / "long" / "links" / FORMAT, tmp_path / "short" / "links" / FORMAT)
    assert_same(short, LATER_MS)


def test_where_nothing_can_be_written_a_look_is_only_slower(tmp_path: Path) -> None:
    records = prompts(11)
    tables = grown(tmp_path, [records[:50]])
    shutil.rmtree(tmp_path / "links" / FORMAT)
    (tmp_path / "links" / FORMAT).write_text("in the way")
    assert_same(tables, LATER_MS)


def test_tables_made_anew_keep_no_state(tmp_path: Path) -> None:
    records = prompts(12)
    tables = grown(tmp_path, [records])
    with closing(filled(tmp_path / "ledger.sqlite", [])) as ledger:
        tables.rebuild(ledger)
    assert state.load(tmp_path / "links") is None


def test_what_is_kept_reads_as_it_was_written(tmp_path: Path) -> None:
    grown(tmp_path, [prompts(13)[:40]])
    kept = state.load(tmp_path / "links")
    assert kept is not None
    state.save(tmp_path / "copy", replace(kept, grown_of=""))
    again = state.load(tmp_path / "copy")
    assert again is not None
    for name, values in vars(kept).items():
        assert np.array_equal(getattr(again, name), values), name


def test_days_of_a_simulated_world_with_labels_and_bans(tmp_path: Path) -> None:
    world = small_world(tmp_path)
    lines = (world / "events.ndjson").read_bytes().splitlines(keepends=True)
    settings_ = load_settings(data=tmp_path / "data", neo4j_uri="off", token_key="ab" * 32)
    bounds = [len(lines) * share // 10 for share in (0, 7, 8, 9, 10)]
    for day, (first, last) in enumerate(pairwise(bounds)):
        (world / "day.ndjson").write_bytes(b"".join(lines[first:last]))
        ingest_events(settings_, str(world / "day.ndjson"))
        if day == 1:
            ingest_labels(settings_, str(world / "labels.ndjson"))
        with closing(open_ledger(settings_)) as ledger:
            tables = LinkTables(settings_.places.links)
            sync_tables(tables, ledger, quiet)
            moment_ms = latest_ms(tables, ledger)
            on = observe(tables, ledger, moment_ms, quiet, going_on=True)
            assert_alike(on, observe(tables, ledger, moment_ms, quiet))
    assert on.clusters.max() > 0
    assert on.view.accounts["banned"].to_numpy().any()
    assert len(on.labels)


def test_a_look_into_the_past_neither_uses_nor_changes_what_is_kept(tmp_path: Path) -> None:
    world = small_world(tmp_path)
    settings_ = load_settings(data=tmp_path / "data", neo4j_uri="off", token_key="ab" * 32)
    ingest_events(settings_, str(world / "events.ndjson"))
    detect(settings_, None, quiet)
    (before,) = (settings_.places.links / FORMAT).iterdir()
    written_ns = (before / MANIFEST).stat().st_mtime_ns
    with closing(open_ledger(settings_)) as ledger:
        middle_ms = latest_ms(LinkTables(settings_.places.links), ledger) - 10 * DAY_MS
    assert not detect(settings_, middle_ms, quiet).published
    (after,) = (settings_.places.links / FORMAT).iterdir()
    assert (after.name, (after / MANIFEST).stat().st_mtime_ns) == (before.name, written_ns)


def assert_alike(one: Observed, other: Observed) -> None:
    assert as_bytes(one.view) == as_bytes(other.view)
    assert one.pairs.equals(other.pairs)
    assert one.labels.equals(other.labels)
    assert one.clusters.tobytes() == other.clusters.tobytes()
    assert one.priors == other.priors


def small_world(folder: Path) -> Path:
    """A small simulated world's folder."""
    spec = msgspec.structs.replace(load_world("plain"), accounts=150, days=20, seed=5, requests=6.0)
    simulate(spec, folder / "world")
    return folder / "world"


def _states(folder: Path) -> list[Path]:
    return sorted((folder / "links" / FORMAT).iterdir())
