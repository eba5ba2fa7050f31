"""Names carry no signal: whatever accounts, events and things are called, and in whatever order lines come, the same
behaviour has the same score."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.leaks.conftest import Made
from tests.leaks.judged import KEY, Judged, judge
from tests.leaks.logs import JsonObject, Log, bijection, other_strings, without_texts

pytestmark = pytest.mark.xdist_group("leaks_names")


def abroad(event: JsonObject) -> JsonObject:
    """The same event of a person from elsewhere, with a browser in another language."""
    out = dict(event)
    if "signup" in out:
        out["signup"] = out["signup"] | {
            "country": ("KP", "CH", "NG", "US")[len(out["account_id"] + out["event_id"]) % 4]
        }
    if "device" in out:
        out["device"] = out["device"] | {"user_agent": "Mozilla/5.0 (X11; Linux; rv:140.0; zh-CN)"}
    return out


def told_more(event: JsonObject) -> JsonObject:
    """The same event with all that a caller may tell of a person and that is no evidence."""
    told = {"language": "fa", "name": "A. Person", "nationality": "XX", "suspicious": True}
    return event | {"attributes": told}


def other_models(event: JsonObject) -> JsonObject:
    if "request" not in event:
        return event
    return event | {"request": event["request"] | {"model": "m-" + event["request"]["model"][::-1]}}


def other_cases(log: Log) -> Log:
    """The same decisions under other names of operators."""
    names = {label.get("operator_id", "") for label in log.labels}
    other = bijection(names, 11, "case-")
    changed = [
        label | {"operator_id": other(label["operator_id"])} if "operator_id" in label else label
        for label in log.labels
    ]
    return Log(log.events, tuple(changed))


CHANGES: dict[str, Callable[[Log], Log]] = {
    "order of lines": lambda log: log.shuffled(1),
    "latest lines first": lambda log: Log(log.events[::-1], log.labels[::-1]),
    "names of things": lambda log: log.each_event(other_strings(3)),
    "names of operators": other_cases,
    "countries and languages": lambda log: log.each_event(abroad),
    "attributes": lambda log: log.each_event(told_more),
    "names of models": lambda log: log.each_event(other_models),
}


@pytest.mark.parametrize("name", CHANGES)
def test_scores_do_not_hang_on(name: str, made: Made, as_it_is: Judged, tmp_path: Path) -> None:
    changed = CHANGES[name](made.log)
    assert changed != made.log
    judge(tmp_path, changed).same_as(as_it_is)


@pytest.mark.parametrize("prefix", ["", "user-"])
@pytest.mark.parametrize("seed", [1, 2])
def test_accounts_by_other_names_have_their_scores(
    seed: int, prefix: str, made: Made, as_it_is: Judged, tmp_path: Path
) -> None:
    """With no prefix the accounts swap their names: most rings' accounts then bear the names of innocents."""
    rename = bijection(made.log.accounts, seed, prefix)
    judge(tmp_path, made.log.accounts_renamed(rename)).same_as(as_it_is.renamed(rename))


def test_operators_and_innocents_who_swap_names_swap_scores(made: Made, as_it_is: Judged, tmp_path: Path) -> None:
    """All names of the abusive go to innocents and the other way round, as many as there are."""
    abusive = [account for account in made.log.accounts if made.abusive(account)]
    innocent = [account for account in made.log.accounts if not made.abusive(account)][: len(abusive)]
    other = dict(zip(abusive + innocent, innocent + abusive, strict=True))

    def swap(account: str) -> str:
        return other.get(account, account)

    swapped = judge(tmp_path, made.log.accounts_renamed(swap))
    swapped.same_as(as_it_is.renamed(swap))
    before, after = (np.array([seen.scores[account] for account in abusive]) for seen in (as_it_is, swapped))
    assert before.mean() > 3 * after.mean()


def test_another_token_key_gives_the_same_scores_where_no_prompt_is_sketched(made: Made, tmp_path: Path) -> None:
    bare = made.log.each_event(without_texts)
    judge(tmp_path / "other", bare, "cd" * 32).same_as(judge(tmp_path / "one", bare))


def test_another_token_key_changes_sketches_by_chance_alone(made: Made, as_it_is: Judged, tmp_path: Path) -> None:
    """Sketches are samples that the key draws, so that a prompt at the edge of a family falls to either side of it;
    what an account is on the whole does not change."""
    other = judge(tmp_path, made.log, "cd" * 32)
    accounts = sorted(as_it_is.scores)
    one, two = (np.array([seen.scores[account] for account in accounts]) for seen in (as_it_is, other))
    assert np.corrcoef(np.log(one), np.log(two))[0, 1] >= 0.9
    gaps = {
        side: np.mean(
            [b - a for a, b, account in zip(one, two, accounts, strict=True) if made.abusive(account) is side]
        )
        for side in (True, False)
    }
    assert max(map(abs, gaps.values())) <= 0.03


def test_the_number_of_threads_changes_no_score(made: Made, as_it_is: Judged, tmp_path: Path) -> None:
    import torch

    usual = torch.get_num_threads()
    torch.set_num_threads(1 if usual > 1 else 2)
    try:
        judge(tmp_path, made.log).same_as(as_it_is)
    finally:
        torch.set_num_threads(usual)


def test_hash_seeds_change_no_byte(made: Made, tmp_path: Path) -> None:
    events, labels = made.log.write(tmp_path / "log")
    script = (
        "import sys; from graphsvc.cli import app; [app(a.split('|'), standalone_mode=False) for a in sys.argv[1:]]"
    )

    def detected(seed: str) -> tuple[bytes, bytes]:
        folder = tmp_path / seed
        folder.mkdir()
        given = {"GRAPHSVC_DATA": str(folder / "data"), "GRAPHSVC_NEO4J_URI": "off", "GRAPHSVC_TOKEN_KEY": KEY}
        environment = {**os.environ, **given, "PYTHONHASHSEED": seed}
        detect = f"detect|--scores|{folder / 's.csv'}|--clusters|{folder / 'c.csv'}"
        command = [sys.executable, "-c", script, f"ingest|{events}|--labels|{labels}", detect]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        return (folder / "s.csv").read_bytes(), (folder / "c.csv").read_bytes()

    assert detected("1") == detected("0")
