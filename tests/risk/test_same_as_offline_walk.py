"""Whatever came in whatever order: the index, fed one by one, scores as the offline head does on a network made from
nothing as of the same moment.

The offline side reads the link tables' own view of all records, labels as training settles them, and gnn.head. What it
takes over of the online side are two rules that answers between two detections go by: whom no detection saw is told to
others by what the head said of him when he gained a link, as far as that is believed; and prompt families and frames
are those of the detection.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit, logit

from gnn.groups import group_index
from gnn.head import Head, SharedRows, batch_features
from gnn.labels import Known, standing
from gnn.registry import SHIPPED
from graphsvc.config import load_settings
from graphsvc.events.arrive import Arrival
from graphsvc.events.record import LabelRecord, Record
from graphsvc.jobs.observe import label_table
from graphsvc.ledger.base import Draft
from graphsvc.ledger.sqlite import SqliteLedger
from graphsvc.links.tables import LinkTables
from graphsvc.links.view import LinkView
from graphsvc.links.weights import bits_of
from graphsvc.risk.base import Detected, base_of
from graphsvc.risk.follow import follow
from graphsvc.risk.index import Index
from graphsvc.risk.kernels import BELIEVED
from graphsvc.risk.keys import account_key
from graphsvc.risk.labels import LabelBook
from graphsvc.risk.score import HeadScorer, network_probability, stranger
from tests.examples import JsonObject

HEAD = Head.load(SHIPPED)
SCORER = HeadScorer(HEAD)
STRANGER = stranger(SCORER)
START_MS = 1_767_600_000_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
ACCOUNTS = [f"a{place:02d}" for place in range(14)]
COLLEAGUES = ACCOUNTS[:6]
LEARNT_BY_DETECTION = ("prompt_family", "prompt_frame")
WITHIN = 1e-4
CLIP = 1e-6
"""So far probabilities are kept off 0 and 1, whose odds are no number."""
JOINING_SEED, SKIPPING_SEED = 1, 3
ANSWER = "Nobody else was told this in these very words: it begins with {0} and goes on for a while yet. " * 2


@dataclass
class Walk:
    """A seeded life of a few accounts that share what there is to share. An account is of an organisation from its
    first event on, or, with `joining`, from any; a conversation goes on by one turn a request, or, with `skipping`, by
    one or two, as where some requests were not told."""

    rng: random.Random
    arrival: Arrival
    joining: bool = False
    skipping: bool = False
    at_ms: int = START_MS
    turns: dict[int, int] = field(default_factory=dict)
    made: int = 0

    def record(self) -> Record:
        """The next thing that happens; one in four is late."""
        self.at_ms += self.rng.randrange(1, 90) * MINUTE_MS
        self.made += 1
        kind = self.rng.choices(("signup", "login", "payment", "request", "enforcement"), (3, 4, 4, 6, 1))[0]
        late_ms = self.rng.randrange(1, 72) * HOUR_MS if self.rng.random() < 0.25 else 0
        moment = datetime.fromtimestamp((self.at_ms - late_ms) / 1000, UTC).isoformat()
        account = self.rng.choice(ACCOUNTS)
        event: JsonObject = {"event_id": f"e{self.made}", "type": kind, "account_id": account, "occurred_at": moment}
        event |= getattr(self, kind)()
        if self.rng.random() < 0.3 if self.joining else account in COLLEAGUES:
            event["org_id"] = f"org-{ACCOUNTS.index(account) % 2}"
        if kind != "enforcement":
            event |= self.shared()
        return self.arrival.draft(self.arrival.check(event), self.at_ms).record

    def shared(self) -> JsonObject:
        some: JsonObject = {}
        if self.rng.random() < 0.4:
            some["ip"] = f"203.0.113.{self.rng.randrange(5)}"
        if self.rng.random() < 0.4:
            some["device"] = {"id": f"d{self.rng.randrange(5)}", "tls": f"t{self.rng.randrange(3)}"}
        if self.rng.random() < 0.2:
            some["identifiers"] = [{"type": "wallet", "value": f"w{self.rng.randrange(3)}"}]
        return some

    def signup(self) -> JsonObject:
        return {"signup": {"email": f"u{self.rng.randrange(9)}@m{self.rng.randrange(3)}.example", "referral_code": "R"}}

    def login(self) -> JsonObject:
        return {}

    def payment(self) -> JsonObject:
        card = self.rng.randrange(6)
        return {"payment": {"method": "card", "outcome": "authorised", "fingerprint": f"c{card}", "bin": "411111"}}

    def enforcement(self) -> JsonObject:
        return {"enforcement": {"action": self.rng.choice(("banned", "reinstated", "warned"))}}

    def request(self) -> JsonObject:
        """A template's prompt, or the next turn of one of a few conversations, whoever goes on with it."""
        if self.rng.random() < 0.4:
            text = f"Summarise the following ticket in two lines, politely, and say who should act. Ticket {self.made}."
            return {"request": {"model": "m", "status": 200, "messages": [{"role": "user", "content": text}]}}
        number = self.rng.randrange(4)
        last = self.turns[number] = self.turns.get(number, 0) + 1 + (self.skipping and self.rng.random() < 0.5)
        told = []
        for turn in range(max(0, last - 5), last):
            told.append({"role": "user", "content": f"And what of {turn}?"})
            told.append({"role": "assistant", "content": ANSWER.format(1000 * number + turn)})
        told.append({"role": "user", "content": "Go on."})
        return {"request": {"model": "m", "status": 200, "messages": told}}

    def label(self) -> LabelRecord:
        """Of one source and moment there is one label."""
        self.made += 1
        verdict, source = self.rng.choice(("abusive", "benign")), self.rng.choice(("review", "rule"))
        confidence = self.rng.choice((0.4, 0.7, 1.0))
        decided_ms = self.at_ms - self.rng.randrange(48) * HOUR_MS + self.made
        return LabelRecord(self.rng.choice(ACCOUNTS), verdict, decided_ms, source, confidence=confidence)


@dataclass(frozen=True)
class Network:
    """A view made from nothing, as plain sets: accounts by identifier, names of conversations by id, and what is
    decided of each account."""

    view: LinkView
    holders: dict[tuple[str, str], frozenset[str]]
    names: dict[str, set[str]]
    known: dict[str, tuple[float, float]]


class Offline:
    """Computes with the offline head, anew at each question, from all records and labels so far."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._made, self._known_then = folder, 0, 0
        self.records: list[Record] = []
        self.labels: list[LabelRecord] = []
        self.detected: dict[str, float] = {}
        self.raised: dict[str, float] = {}
        self.then: Network | None = None

    def network(self) -> Network:
        """As of the last moment known, in tables of its own."""
        self._made += 1
        folder = self._folder / f"{self._made}"
        folder.mkdir(parents=True)
        with closing(SqliteLedger(folder / "ledger.sqlite")) as ledger:
            ledger.append([Draft(record, record.event_id.encode()) for record in self.records])
            tables = LinkTables(folder / "links")
            tables.sync(ledger)
            view = tables.view(2**62)
        self._now = Network(view, _holders(view), _names(view), _known(view, self.labels))
        return self._now

    def look(self) -> LinkView:
        """A detection: from now on this network is what answers rest on."""
        self.then, self._known_then, self.raised = self.network(), len(self.records), {}
        return self.then.view

    def count(self, record: Record) -> None:
        """A record came: who gained a link by it is told to others by what the head says of him now."""
        earlier = [one for one in self.records if one.account_id == record.account_id]
        self.records.append(record)
        if self._links(record) - {one for other in earlier for one in self._links(other)}:
            said = self.probability(self.network(), record.account_id)
            self.raised[record.account_id] = max(self.raised.get(record.account_id, 0.0), said)

    def probability(self, now: Network, account: str) -> float:
        """By the head alone of whom no detection saw; else as far as the head has come to think worse of him."""
        assert self.then is not None
        rows = self._score(self._rows(now, account, self._told))
        if account not in self.detected:
            return rows
        known = self.then
        before = self._score(self._rows(known, account, lambda other, one: self.detected.get(other, STRANGER)))
        rise = max(float(logit(rows) - logit(before)), 0.0)
        return float(expit(logit(min(max(self.detected[account], CLIP), 1 - CLIP)) + rise))

    def _links(self, record: Record) -> set[tuple[str, str]]:
        """What a record ties its account to; a conversation by the least of all names that records so far tell of it."""
        mine = self._names({one.id for one in record.identifiers if one.type == "conversation"})
        others = {(one.type, one.id) for one in record.identifiers if one.type != "conversation"}
        return others | ({("conversation", min(mine))} if mine else set())

    def _names(self, some: set[str]) -> set[str]:
        """All names of the conversation that has some of these."""
        every = [{one.id for one in other.identifiers if one.type == "conversation"} for other in self.records]
        while more := [one for one in every if one & some and not one <= some]:
            some = some.union(*more)
        return some

    def _seen_then(self, other: str, one: tuple[str, str]) -> bool:
        """Whether the detection saw that the account has this; a conversation may have had another id then."""
        assert self.then is not None
        if not one[0].startswith("conversation"):
            return other in self.then.holders.get(one, ())
        names = self._names(self._now.names.get(one[1], set()))
        mine = (record for record in self.records[: self._known_then] if record.account_id == other)
        return any(told.id in names for record in mine for told in record.identifiers if told.type == "conversation")

    def _all(self, network: Network) -> Iterable[tuple[tuple[str, str], frozenset[str]]]:
        """What accounts share now, but families and frames as the detection saw them."""
        assert self.then is not None
        yield from ((one, held) for one, held in network.holders.items() if one[0] not in LEARNT_BY_DETECTION)
        yield from ((one, held) for one, held in self.then.holders.items() if one[0] in LEARNT_BY_DETECTION)

    def _told(self, other: str, one: tuple[str, str]) -> float:
        """What others are told of an account on an identifier: of a link that the detection saw what it said."""
        said = self.detected.get(other, STRANGER)
        if self._seen_then(other, one):
            return said
        return max(said, said + BELIEVED * (self.raised.get(other, 0.0) - said))

    def _rows(self, network: Network, account: str, told: Callable[[str, tuple[str, str]], float]) -> SharedRows:
        shared = [(one, held - {account}) for one, held in self._all(network) if account in held and len(held) > 1]
        types = pa.chunked_array([[one[0] for one, _ in shared]], pa.string())
        degree = np.array([len(others) + 1 for _, others in shared], np.int32)
        chances = [[told(other, one) for other in others] for one, others in shared]
        sides = [[network.known.get(other, (0.0, 0.0)) for other in others] for _, others in shared]
        return SharedRows(
            group=np.array([group_index(one[0]) for one, _ in shared], np.int64),
            bits=bits_of(types, degree, len(network.view.accounts)) if shared else np.zeros(0, np.float32),
            others=degree.astype(np.int64) - 1,
            mean_probability=np.array([np.mean(one) for one in chances], np.float32),
            max_probability=np.array([max(one) for one in chances], np.float32),
            confirmed_abusive=np.array([round(sum(bad for bad, _ in one)) for one in sides], np.int64),
            confirmed_benign=np.array([round(sum(good for _, good in one)) for one in sides], np.int64),
        )

    def _score(self, rows: SharedRows) -> float:
        return float(HEAD.score(batch_features(rows, np.zeros(len(rows.group), np.int64), 1))[0])


def _holders(view: LinkView) -> dict[tuple[str, str], frozenset[str]]:
    accounts = np.array(view.accounts["account_id"].to_pylist(), object)[view.links["account"].to_numpy()]
    names = list(zip(view.identifiers["type"].to_pylist(), view.identifiers["id"].to_pylist(), strict=True))
    held: dict[tuple[str, str], set[str]] = {name: set() for name in names}
    for account, identifier in zip(accounts.tolist(), view.links["identifier"].to_pylist(), strict=True):
        held[names[identifier]].add(account)
    return {name: frozenset(accounts) for name, accounts in held.items()}


def _names(view: LinkView) -> dict[str, set[str]]:
    ids: list[str] = view.identifiers["id"].to_pylist()
    found: dict[str, set[str]] = {}
    for name, identifier in zip(view.names["name"].to_pylist(), view.names["identifier"].to_pylist(), strict=True):
        found.setdefault(ids[identifier], set()).add(name)
    return found


def _known(view: LinkView, labels: list[LabelRecord]) -> dict[str, tuple[float, float]]:
    found: Known = standing(view.accounts, label_table(view, labels))
    names = view.accounts["account_id"].to_pylist()
    return dict(zip(names, zip(found.bad.tolist(), found.good.tolist(), strict=True), strict=True))


def index_after(offline: Offline, ledger: SqliteLedger, probability: dict[str, float]) -> Index:
    """The index over what a detection leaves that says this of the accounts that it sees."""
    view = offline.look()
    seen: list[str] = view.accounts["account_id"].to_pylist()
    scores = np.array([probability[one] for one in seen], np.float32)
    offline.detected = dict(zip(seen, scores.tolist(), strict=True))
    nowhere = np.full(len(seen), -1, np.int32)
    detected = Detected(view.as_of_ms, pa.array(seen, pa.string()), scores, nowhere, ())
    book = LabelBook()
    book.add(offline.labels)
    base = base_of(view, ledger.offset(), detected, book, STRANGER)
    return Index(base, book, ledger.label_offset())


def held_equal(index: Index, offline: Offline, where: str) -> None:
    now = offline.network()
    for account in now.view.accounts["account_id"].to_pylist():
        look = index.look(account_key(account))
        online, expected = network_probability(look, SCORER), offline.probability(now, account)
        assert abs(online - expected) <= WITHIN, (where, account, online, expected)
        assert look.standing == pytest.approx(now.known[account]), (where, account)


@pytest.mark.parametrize("seed", range(3))
def test_the_online_score_is_the_offline_one(seed: int, tmp_path: Path) -> None:
    walked(seed, tmp_path)


@pytest.mark.xfail(
    reason="An account that comes to its organisation after it went on with a colleague's conversation", strict=False
)
def test_who_joins_an_organisation_later(tmp_path: Path) -> None:
    walked(JOINING_SEED, tmp_path, joining=True)


@pytest.mark.xfail(
    reason="A conversation of which requests were not told is known by its names for the last one only", strict=False
)
def test_conversations_of_which_requests_are_missing(tmp_path: Path) -> None:
    walked(SKIPPING_SEED, tmp_path, skipping=True)


def walked(seed: int, tmp_path: Path, *, joining: bool = False, skipping: bool = False) -> None:
    rng = random.Random(seed)
    settings = load_settings(data=tmp_path / "data", neo4j_uri="off", token_key=f"{seed:064x}")
    walk, offline = Walk(rng, Arrival(settings), joining, skipping), Offline(tmp_path / "views")
    probability = {account: rng.random() ** 3 for account in ACCOUNTS}
    with closing(SqliteLedger(tmp_path / "ledger.sqlite")) as ledger:

        def comes(record: Record) -> None:
            ledger.append([Draft(record, record.event_id.encode())])

        for _ in range(rng.randrange(5, 30)):
            record = walk.record()
            offline.records.append(record)
            comes(record)
        index = index_after(offline, ledger, probability)
        held_equal(index, offline, "after the detection")
        for step in range(24):
            if rng.random() < 0.25:
                label = walk.label()
                offline.labels.append(label)
                ledger.append_labels([label])
            else:
                record = walk.record()
                comes(record)
                offline.count(record)
            follow(index, ledger, SCORER)
            if step % 6 == 5:
                held_equal(index, offline, f"step {step}")
