"""Replaying history under two policies: the same answers again, who changes, and what the holdout measured."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.cases.assessments import AssessmentRow, AssessmentStore
from graphsvc.cases.lists import Target
from graphsvc.cli import main
from graphsvc.config import Settings, load_settings
from graphsvc.errors import BadInput
from graphsvc.events.arrive import Arrival, now_ms
from graphsvc.events.record import LabelRecord
from graphsvc.events.tokens import Tokeniser, load_key
from graphsvc.jobs.policy_replay import Accounts, replay
from graphsvc.ledger import open_ledger
from graphsvc.risk.decide import Decider
from graphsvc.risk.policy import SHIPPED, Policy
from graphsvc.risk.policy.rules import STRICTNESS
from graphsvc.risk.policy.verdict import Standing, in_holdout, recommend
from tests.examples import SIGNUP

EVER = 2**62
BASE = SHIPPED.read_text()
HOLDING = BASE.replace("share = 0.0", "share = 0.2")
STRICTER = BASE.replace("high = 0.60", "high = 0.45") + '\n[[shadow]]\nname = "milder"\ncritical = 0.99\n'


def deployment(folder: Path) -> Settings:
    made = load_settings(data=folder, neo4j_uri="off")
    made.places.create()
    return made


def assessed(made: Settings, chances: dict[str, float], policy: str = BASE, event_type: str = "signup") -> None:
    """Has the real decider answer for these accounts, and remembers it as the service does."""
    made.places.policy.write_text(policy)
    decider, arrival = Decider(made), Arrival(made)
    rows = []
    for account, chance in chances.items():
        event = arrival.check(SIGNUP | {"account_id": account, "signup": {"channel": "Web"}})
        said = decider.decide(account, event_type, chance, arrival.draft(event, 0).record)
        head = (f"as_{account}_{event_type}", account, event_type, chance, said.level, said.action)
        rows.append(AssessmentRow(*head, "m", said.policy_version, "", now_ms(), **said.facts()))
    AssessmentStore(made.places.cases).keep(rows)


def label(made: Settings, verdicts: dict[str, str]) -> None:
    ledger = open_ledger(made)
    ledger.append_labels([LabelRecord(account, verdict, 5, "review") for account, verdict in verdicts.items()])
    ledger.close()


def holdout_of(made: Settings, accounts: list[str], share: float) -> set[str]:
    key = Tokeniser(load_key(made)).derived_key("holdout")
    return {account for account in accounts if in_holdout(key, account, share)}


def test_the_policy_of_the_time_gives_the_answers_of_the_time(tmp_path: Path) -> None:
    made = deployment(tmp_path)
    chances = {f"a{place}": place / 200 for place in range(200)}
    decider = Decider(made)
    for place in range(0, 200, 7):
        name = ("allow", "block", "watch")[place % 3]
        decider.lists.store.add(name, Target(account_id=f"a{place}"), "x", "k", 1)  # type: ignore[arg-type]
    assessed(made, chances, HOLDING)
    same = Policy.parse(HOLDING.encode())
    found = replay(made, same, same, 0, EVER)
    assert (found.otherwise, found.changes, found.assessments) == (0, [], 200)
    kept = Counter(row.recommended_action for row in AssessmentStore(made.places.cases).history(0, EVER))
    assert {row.action: row.present.accounts for row in found.by_action} == kept
    assert all(row.present == row.new for row in found.by_action)


def test_who_changes_and_how_many_of_them_are_known(tmp_path: Path) -> None:
    made = deployment(tmp_path)
    assessed(made, {"low": 0.1, "mid": 0.5, "mid2": 0.59, "high": 0.7, "top": 0.95})
    assessed(made, {"low": 0.5, "top": 0.1}, event_type="payment")
    label(made, {"mid": "benign", "mid2": "abusive", "top": "abusive"})
    found = replay(made, Policy.load(), Policy.parse(STRICTER.encode()), 0, EVER)
    assert found.accounts == Accounts(5, 2, 1)
    changed = [(one.event_type, one.present, one.new, one.count) for one in found.changes]
    assert changed == [
        ("signup", "review", "challenge", Accounts(2, 1, 1)),
        ("payment", "review", "challenge", Accounts(1, 0, 0)),
    ]
    signups = {row.action: (row.present, row.new) for row in found.by_action if row.event_type == "signup"}
    assert signups["deny"] == (Accounts(1, 1, 0), Accounts(1, 1, 0))
    assert signups["review"] == (Accounts(2, 1, 1), Accounts(0, 0, 0))
    assert signups["challenge"] == (Accounts(1, 0, 0), Accounts(3, 1, 1))
    (shadow,) = found.shadows
    assert (shadow.name, shadow.stricter, shadow.milder) == ("milder", Accounts(0, 0, 0), Accounts(1, 1, 0))


def test_the_holdout_measures_false_positives(tmp_path: Path) -> None:
    made = deployment(tmp_path)
    accounts = [f"h{place}" for place in range(200)]
    assessed(made, dict.fromkeys(accounts[:100], 0.95) | dict.fromkeys(accounts[100:], 0.65), HOLDING)
    held = holdout_of(made, accounts, 0.2)
    strong = sorted(held & set(accounts[:100]))
    weak = sorted(held & set(accounts[100:]))
    label(made, dict.fromkeys(strong, "abusive") | dict.fromkeys(weak[:3], "benign"))
    milder = HOLDING.replace('high = "challenge"', 'high = "review"', 1).replace("share = 0.2", "share = 0.1")
    found = replay(made, Policy.parse(HOLDING.encode()), Policy.parse(milder.encode()), 0, EVER).holdout
    assert found.recorded.count == Accounts(len(held), len(strong), 3)
    assert found.recorded.false_positives.rate == pytest.approx(3 / (3 + len(strong)))
    assert found.recorded.false_positives.low < 3 / (3 + len(strong)) < found.recorded.false_positives.high
    assert found.recorded_present == found.recorded
    assert found.recorded_new.count == Accounts(len(strong), len(strong), 0)
    assert found.recorded_new.false_positives.rate == 0
    assert found.present == found.recorded.count
    assert found.present_share == len(held) / 200
    assert found.new.accounts == len(holdout_of(made, accounts[:100], 0.1))
    assert found.new.accounts < len(strong)


def test_without_labels_nothing_is_claimed_and_without_history_nothing_said(tmp_path: Path) -> None:
    made = deployment(tmp_path)
    same = Policy.load()
    with pytest.raises(BadInput, match="No assessment"):
        replay(made, same, same, 0, EVER)
    assessed(made, {"a": 0.95})
    assert replay(made, same, same, 0, EVER).holdout.recorded.false_positives.rate is None
    with pytest.raises(BadInput, match="No assessment"):
        replay(made, same, same, 0, now_ms() - 60_000)


CHANCE = st.sampled_from([0.1, 0.31, 0.46, 0.61, 0.91])
ROWS = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from(["signup", "login", "account"]),
        CHANCE,
        st.sampled_from(["", "allow", "block", "watch", "allow watch"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=15, deadline=None)
@given(rows=ROWS, data=st.data())
def test_every_count_is_what_counting_one_by_one_gives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, float, str]], data: st.DataObject
) -> None:
    made = deployment(tmp_path_factory.mktemp("replay"))
    kept = [
        AssessmentRow(str(place), account, event, chance, "low", "allow", "m", "p", "", place, listed=listed)
        for place, (account, event, chance, listed) in enumerate(rows)
    ]
    AssessmentStore(made.places.cases).keep(kept)
    verdicts = {one: data.draw(st.sampled_from(["abusive", "benign", ""])) for one in "abcd"}
    label(made, {account: verdict for account, verdict in verdicts.items() if verdict})
    policies = [Policy.parse(text.encode()) for text in (HOLDING, STRICTER)]
    found = replay(made, policies[0], policies[1], 0, EVER)
    expected: list[dict[tuple[str, str], str]] = [{}, {}]
    for place, policy in enumerate(policies):
        for account, event, chance, listed in rows:
            graded = policy.decide(event, chance)[1]
            decided = "block" if "block" in listed else "allow" if "allow" in listed else ""
            chosen = account in holdout_of(made, [account], policy.holdout_share)
            action = recommend(graded, Standing(decided, "watch" in listed), chosen).action  # type: ignore[arg-type]
            old = expected[place].get((account, event), "allow")
            expected[place][account, event] = max(old, action, key=lambda one: STRICTNESS[one])
    for row in found.by_action:
        for place, side in enumerate((row.present, row.new)):
            who = [a for (a, e), action in expected[place].items() if (e, action) == (row.event_type, row.action)]
            assert side == Accounts(len(who), *(sum(verdicts[a] == v for a in who) for v in ("abusive", "benign")))
    moved = sum(expected[0][pair] != expected[1][pair] for pair in expected[0])
    assert sum(change.count.accounts for change in found.changes) == moved


def test_the_commands_show_check_and_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = deployment(tmp_path / "data")
    monkeypatch.setenv("GRAPHSVC_DATA", str(made.places.root))

    def run(*words: str) -> tuple[int, str, str]:
        """Exit code and what was printed, by the command line's own main."""
        monkeypatch.setattr("sys.argv", ["graphsvc", "policy", *words])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    assessed(made, {"mid": 0.5, "top": 0.95})
    label(made, {"top": "abusive"})
    new = tmp_path / "new.toml"
    new.write_text(STRICTER)
    code, table, _ = run("test", str(new))
    assert code == 0
    assert "signup: review → challenge: 1 account, 0 confirmed abusive, 0 confirmed benign" in table
    assert "Shadow rule milder: stricter with 0 accounts" in table
    _, answer, _ = run("test", str(new), "--since", "2020-01-01", "--until", "2100-01-01T00:00:00Z", "--json")
    policies = (Policy.load(made.places.policy), Policy.load(new))
    assert json.loads(answer) == msgspec.to_builtins(replay(made, *policies, 0, EVER))
    assert run("show", "--toml")[1] == made.places.policy.read_text()
    assert Policy.load().version in run("show")[1]
    assert len(json.loads(run("show", "--json")[1])["rules"]) == 14
    assert policies[1].version in run("check", str(new))[1]
    new.write_text(STRICTER.replace("critical = 0.99", "critical = 0.4"))
    code, out, err = run("check", str(new))
    assert (code, out) == (1, "")
    assert 'rule "milder"' in err
    assert run("test", str(new))[0] == 1
    assert run("test", str(made.places.policy), "--until", "yesterday")[0] == 2
