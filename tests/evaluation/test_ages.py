"""Accounts judged at signup, an hour, a day and a week: by what was known then, byte for byte, and by nothing later."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from gnn.head import Head
from gnn.network import Network
from graphsvc.evaluation.ages import AGES_MS, Scores, Service, replayed
from graphsvc.evaluation.looks import Look
from graphsvc.evaluation.replay import Story
from graphsvc.events.record import LabelRecord, Record
from graphsvc.jobs.observe import label_table, observed
from graphsvc.links.tables import LinkTables
from graphsvc.risk.score import HeadScorer
from tests.links.worlds import DAY_MS, HOUR_MS, START_MS, event, filled, random_world
from tests.risk.conftest import write_head

END_MS = START_MS + 60 * DAY_MS


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Head:
    folder = tmp_path_factory.mktemp("head")
    write_head(folder)
    return Head.load(folder)


class Log:
    """Records in real tables, and labels; looks at it that a hand-written rule judges."""

    def __init__(self, folder: Path, records: Sequence[Record], labels: Sequence[LabelRecord] = ()) -> None:
        folder.mkdir()
        ledger = filled(folder / "ledger.sqlite", records)
        self.tables, self.labels = LinkTables(folder / "links"), list(labels)
        self.tables.sync(ledger)
        ledger.close()

    def look(self, at_ms: int) -> Look:
        view = self.tables.view(at_ms)
        known = [label for label in self.labels if label.decided_ms <= at_ms]
        network: Network = observed(view, label_table(view, known), 0).network
        ids = network.accounts["account_id"].to_pylist()
        score = np.array([0.05 + 0.9 * (len(one) * 7 % 10) / 10 for one in ids], np.float32)
        count = network.cluster_count
        clusters = network.clusters.astype(np.int64)
        chance, kinds = np.full(count, 0.8, np.float32), ["trial_farm"] * count
        return Look(at_ms, ids, score, clusters, chance, kinds, view, network)

    def scores(self, head: Head, looks: Sequence[int] = (), end_ms: int = END_MS) -> Scores:
        labels = [label for label in self.labels if label.decided_ms <= end_ms]
        story = Story.of(self.tables.lives(end_ms), self.tables.bans(end_ms), labels)
        way = Service("shipped", HeadScorer(head), lambda look: look.score)
        return replayed([way], story, map(self.look, looks), end_ms, lambda step, share: None)["shipped"]


def signup(account: str, at_ms: int, *ids: tuple[str, str]) -> Record:
    return event(f"{account}-{at_ms}", account, at_ms, ids, "signup")


def of(scores: Scores, age: str, account: str) -> float:
    ids, values = scores[age]
    return float(values[ids.index(account)])


def ban(account: str, at_ms: int, action: str = "banned") -> Record:
    return event(f"ban-{account}-{at_ms}", account, at_ms, (), "enforcement", action=action)


CARD = ("instrument", "card")


def test_a_signup_is_judged_by_what_came_before_it(tmp_path: Path, head: Head) -> None:
    records = [
        signup("first", START_MS, CARD),
        signup("second", START_MS + HOUR_MS // 2, CARD),
        signup("stranger", START_MS, ("instrument", "other")),
    ]
    scores = Log(tmp_path / "log", records).scores(head)
    assert of(scores, "signup", "first") == of(scores, "signup", "stranger")
    assert of(scores, "signup", "second") > of(scores, "signup", "first")
    assert of(scores, "+1 h", "first") > of(scores, "signup", "first")
    assert of(scores, "+7 d", "stranger") == of(scores, "signup", "stranger")


@pytest.mark.parametrize("how", ["ban", "label"])
def test_what_was_confirmed_counts_from_then_on_for_others_and_not_for_oneself(
    tmp_path: Path, head: Head, how: str
) -> None:
    records = [signup("bad", START_MS, CARD), signup("other", START_MS, CARD)]
    decided_ms = START_MS + 2 * HOUR_MS
    decided = [LabelRecord("bad", "abusive", decided_ms, "review")]
    log = Log(
        tmp_path / "log",
        [*records, ban("bad", decided_ms)] if how == "ban" else records,
        decided if how == "label" else (),
    )
    never = Log(tmp_path / "never", records).scores(head)
    scores = log.scores(head)
    assert of(scores, "+1 h", "other") == of(never, "+1 h", "other")
    assert of(scores, "+24 h", "other") > of(never, "+24 h", "other")
    assert of(scores, "+24 h", "bad") == of(never, "+24 h", "bad")


def test_an_account_that_is_reinstated_accuses_nobody_any_more(tmp_path: Path, head: Head) -> None:
    records = [signup("bad", START_MS, CARD), signup("other", START_MS, CARD)]
    back = [ban("bad", START_MS + 60_000), ban("bad", START_MS + 2 * HOUR_MS, "reinstated")]
    scores = Log(tmp_path / "log", [*records, *back]).scores(head)
    assert of(scores, "+1 h", "other") > of(scores, "+24 h", "other")


def test_a_look_counts_from_its_moment_on(tmp_path: Path, head: Head) -> None:
    log = Log(tmp_path / "log", [signup("a", START_MS, CARD), signup("bb", START_MS, CARD)])
    look_ms = START_MS + 2 * HOUR_MS
    without, scores = log.scores(head), log.scores(head, [look_ms])
    look = log.look(look_ms)
    for account in ("a", "bb"):
        assert of(scores, "+1 h", account) == of(without, "+1 h", account)
        assert of(scores, "+24 h", account) == look.score[look.account_ids.index(account)]


def test_accounts_that_are_not_old_enough_are_left_out(tmp_path: Path, head: Head) -> None:
    young_ms = END_MS - 2 * HOUR_MS
    scores = Log(tmp_path / "log", [signup("old", START_MS), signup("young", young_ms)]).scores(head)
    assert {age: ids for age, (ids, _) in scores.items()} == {
        "signup": ["old", "young"],
        "+1 h": ["old", "young"],
        "+24 h": ["old"],
        "+7 d": ["old"],
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_what_comes_later_changes_no_byte(tmp_path: Path, head: Head, seed: int) -> None:
    records, labels = _life(seed)
    moments = [START_MS + days * DAY_MS for days in (3, 9, 20, 31)]
    whole = Log(tmp_path / "whole", records, labels).scores(head, moments)
    for cut_ms in (START_MS + 5 * DAY_MS, START_MS + 20 * DAY_MS):
        kept = [record for record in records if record.occurred_ms <= cut_ms]
        decided = [label for label in labels if label.decided_ms <= cut_ms]
        log = Log(tmp_path / f"cut-{cut_ms}", kept, decided)
        cut = log.scores(head, [at_ms for at_ms in moments if at_ms <= cut_ms], cut_ms)
        for age in AGES_MS:
            ids, values = cut[age]
            then = np.array([of(whole, age, one) for one in ids], np.float32)
            assert values.tobytes() == then.tobytes()
        assert cut["+24 h"][0]


def test_the_order_of_arrival_changes_no_byte(tmp_path: Path, head: Head) -> None:
    records, labels = _life(4)
    moments = [START_MS + 10 * DAY_MS]
    plain = Log(tmp_path / "plain", records, labels).scores(head, moments)
    random.Random(0).shuffle(records)
    random.Random(1).shuffle(labels)
    shuffled = Log(tmp_path / "shuffled", records, labels).scores(head, moments)
    for age in AGES_MS:
        assert plain[age][0] == shuffled[age][0]
        assert plain[age][1].tobytes() == shuffled[age][1].tobytes()


def _life(seed: int) -> tuple[list[Record], list[LabelRecord]]:
    """Forty days of a random world, with bans and labels, each account signing up before all else."""
    rng = random.Random(seed)
    records = [replace_time(record, START_MS + rng.randrange(40 * DAY_MS)) for record in random_world(seed)]
    born: dict[str, int] = {}
    for record in sorted(records, key=lambda one: one.occurred_ms):
        if record.type != "enforcement":
            born.setdefault(record.account_id, record.occurred_ms)
    records = [record for record in records if record.occurred_ms >= born.get(record.account_id, END_MS)]
    labels = [
        LabelRecord(account, rng.choice(["abusive", "benign"]), START_MS + rng.randrange(40 * DAY_MS), "review")
        for account in sorted(born)
        if rng.random() < 0.4
    ]
    return records, labels


def replace_time(record: Record, at_ms: int) -> Record:
    return msgspec.structs.replace(record, occurred_ms=at_ms, received_ms=at_ms)
