"""The policy file: what it says, what is refused in one and how that is told, and how a running service follows it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsvc.config import load_settings
from graphsvc.errors import BadInput
from graphsvc.risk.policy import ACCOUNT, SHIPPED, Policy
from graphsvc.risk.policy.file import EVENTS, Default, File, Holdout, Rule
from graphsvc.risk.policy.keeper import PolicyKeeper

BASE = """
name = "ours"
[default]
medium = 0.3
high = 0.6
critical = 0.9
[default.actions]
low = "allow"
medium = "review"
high = "challenge"
critical = "deny"
"""


def policy(text: str, base: str = BASE) -> Policy:
    return Policy.parse((base + text).encode())


def test_the_shipped_policy_grades_actions() -> None:
    shipped = Policy.load()
    decided = [shipped.decide("signup", chance) for chance in (0.0, 0.3, 0.6, 0.9, 1.0)]
    assert decided == [
        ("low", "allow"),
        ("medium", "review"),
        ("high", "challenge"),
        ("critical", "deny"),
        ("critical", "deny"),
    ]
    assert shipped.decide("login", 0.99) == ("critical", "challenge")
    assert shipped.decide("activity", 0.7) == ("high", "review")
    assert shipped.decide(ACCOUNT, 0.5) == ("medium", "review")
    assert shipped.holdout_share == 0
    assert shipped.version.startswith("default-")


def test_the_version_is_the_name_and_the_content() -> None:
    assert policy("").version == policy("").version
    assert policy("").version != policy("# a word\n").version
    assert policy("", BASE.replace("ours", "our own")).version.startswith("our-own-")


def test_rules_choose_by_event_channel_and_watch_list_and_later_ones_win() -> None:
    ours = policy(
        """
        [[rule]]
        name = "startups"
        channel = ["Startup-Programme", "education"]
        medium = 0.2
        high = 0.5
        [[rule]]
        name = "startup signups"
        event = ["signup"]
        channel = ["startup-programme"]
        high = 0.4
        [[rule]]
        name = "watched"
        list = ["watch"]
        critical = 0.7
        actions = { high = "deny" }
        """
    )
    assert ours.decide("signup", 0.45) == ("medium", "review")
    assert ours.decide("signup", 0.45, " startup-PROGRAMME ") == ("high", "challenge")
    assert ours.decide("signup", 0.45, "education") == ("medium", "review")
    assert ours.decide("payment", 0.5, "education") == ("high", "challenge")
    assert ours.decide("signup", 0.25, "web") == ours.decide("signup", 0.25) == ("low", "allow")
    assert ours.decide("signup", 0.65, watched=True) == ("high", "deny")
    assert ours.decide("signup", 0.7, "startup-programme", watched=True) == ("critical", "deny")


def test_shadow_rules_are_worked_out_beside_what_is_in_force() -> None:
    ours = policy(
        """
        [[shadow]]
        name = "stricter"
        high = 0.4
        [[shadow]]
        name = "strict logins"
        event = ["login"]
        actions = { medium = "deny", high = "deny" }
        """
    )
    cell = ours.cell("login", None, False)
    assert cell.grades.decide(0.45) == ("medium", "review")
    assert {name: grades.decide(0.45)[1] for name, grades in cell.shadows} == {
        "stricter": "challenge",
        "strict logins": "deny",
    }
    assert [name for name, _ in ours.cell("signup", None, False).shadows] == ["stricter"]


@pytest.mark.parametrize(
    ("old", "new", "where", "remedy"),
    [
        ("high = 0.6", "high = 0.95", "at default:", "must rise"),
        ("high = 0.6", "high = 0.3", "at default:", "must rise"),
        ("medium = 0.3", "medium = 0", "at default:", "must rise"),
        ("medium = 0.3", "medium = nan", "at default:", "must rise"),
        ("medium = 0.3", 'medium = "much"', "at default.medium:", "expected `float`"),
        ("medium = 0.3", "medum = 0.3", "at default.medum:", "Did you mean medium?"),
        ("medium = 0.3\n", "", "at default.medium:", "is missing"),
        ('low = "allow"', 'low = "jail"', "at default.actions.low:", "one of allow, review, challenge, deny"),
        ('low = "allow"\n', "", "at default.actions.low:", "is missing"),
        ('low = "allow"', 'low = "deny"', "at default:", "milder"),
        ('name = "ours"', 'name = "ours"\nversion = 3', "at version:", "Known here are name, default"),
        ("[default]\n", "[default\n", "is wrong:", "not TOML"),
        ('name = "ours"', 'name = "ours"\n[holdout]\nshare = 0.21', "at holdout.share:", "0 to 0.2"),
        ('name = "ours"', 'name = "ours"\n[holdout]\nshare = -0.1', "at holdout.share:", "0 to 0.2"),
        ('name = "ours"', 'name = "ours"\n[holdout]\nshare = nan', "at holdout.share:", "0 to 0.2"),
    ],
)
def test_what_is_wrong_is_told_with_its_key_and_a_remedy(old: str, new: str, where: str, remedy: str) -> None:
    assert old in BASE
    with pytest.raises(BadInput) as refused:
        policy("", BASE.replace(old, new, 1))
    assert where in str(refused.value)
    assert remedy in str(refused.value)
    assert "much" not in str(refused.value)


@pytest.mark.parametrize(
    ("rules", "where"),
    [
        ('[[rule]]\nname = "a"\nevent = ["logout"]\nhigh = 0.7', "at rule[1].event[1]:"),
        ('[[rule]]\nname = "a"\nlist = ["block"]\nhigh = 0.7', "at rule[1].list[1]:"),
        ('[[rule]]\nname = "a"\nevent = []\nhigh = 0.7', "at rule[1].event:"),
        ('[[rule]]\nname = "a"\nchannel = [" "]\nhigh = 0.7', "at rule[1].channel:"),
        ('[[rule]]\nname = "a"\nhigh = 0.7', "at rule[1]:"),
        ('[[rule]]\nname = "a"\nevent = ["login"]', "at rule[1]:"),
        ('[[rule]]\nname = "a"\nevent = ["login"]\nhihg = 0.7', "at rule[1].hihg:"),
        ('[[rule]]\nname = "a"\nevent = ["login"]\nactions = { hihg = "deny" }', "at rule[1].actions.hihg:"),
        ('[[rule]]\nname = "a"\nevent = ["login"]\nhigh = 0.95', 'at default and rule "a":'),
        ('[[shadow]]\nname = "a"\nhigh = 0.95', 'at default and rule "a":'),
        (
            '[[rule]]\nname = "a"\nevent = ["login"]\nhigh = 0.7\n[[shadow]]\nname = "a"\nhigh = 0.7',
            "at shadow[1].name:",
        ),
        ("[holdout]\nshares = 0.1", "at holdout.shares:"),
    ],
)
def test_wrong_rules_are_told_by_their_number(rules: str, where: str) -> None:
    with pytest.raises(BadInput, match="policy file is wrong") as refused:
        policy(rules)
    assert where in str(refused.value)


def test_two_rules_that_only_together_disorder_the_thresholds_are_refused() -> None:
    one = '[[rule]]\nname = "a"\nevent = ["signup"]\nhigh = 0.8\n'
    other = '[[rule]]\nname = "b"\nchannel = ["web"]\ncritical = 0.7\n'
    policy(one)
    policy(other)
    with pytest.raises(BadInput, match="for signup by web"):
        policy(one + other)


def test_files_that_are_no_text_or_too_large_or_not_there_are_refused(tmp_path: Path) -> None:
    for content in (b"\xff\xfe", b"#" * 300_000, b"[" * 5_000, b""):
        with pytest.raises(BadInput, match="policy file is wrong"):
            Policy.parse(content)
    with pytest.raises(BadInput, match="cannot be read"):
        Policy.load(tmp_path / "none.toml")


def test_the_documented_example_is_a_policy_and_every_key_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "policy.md").read_text()
    ours = Policy.parse(text.partition("```toml\n")[2].partition("```")[0].encode())
    assert (ours.name, ours.holdout_share, ours.shadows) == ("ours", 0.02, ("challenge earlier",))
    assert ours.decide("signup", 0.4, "education") == ("high", "challenge")
    assert ours.decide("login", 0.85, watched=True) == ("critical", "deny")
    for kind in (File, Default, Rule, Holdout):
        for key in msgspec.structs.fields(kind):
            assert key.encode_name in text


OVERRIDE = st.fixed_dictionaries(
    {},
    optional={
        "event": st.lists(st.sampled_from(EVENTS), min_size=1, max_size=3),
        "channel": st.lists(st.sampled_from(["web", "education"]), min_size=1, max_size=2),
        "list": st.just(["watch"]),
        "medium": st.sampled_from([0.1, 0.2, 0.35]),
        "high": st.sampled_from([0.4, 0.5, 0.75]),
        "critical": st.sampled_from([0.7, 0.8, 0.95]),
    },
)


@given(
    rules=st.lists(OVERRIDE, max_size=4),
    event=st.sampled_from(EVENTS),
    channel=st.sampled_from([None, "web", "education", "api"]),
    watched=st.booleans(),
    probability=st.floats(0, 1),
)
def test_what_was_worked_out_at_loading_is_what_reading_rule_by_rule_gives(
    rules: list[dict[str, object]], event: str, channel: str | None, watched: bool, probability: float
) -> None:
    lines = [
        f'[[rule]]\nname = "r{i}"\n' + "".join(f"{k} = {v!r}\n" for k, v in one.items()) for i, one in enumerate(rules)
    ]
    try:
        ours = policy("\n".join(lines))
    except BadInput:
        return
    bounds = {"medium": 0.3, "high": 0.6, "critical": 0.9}
    for one in rules:
        events, channels = one.get("event", [event]), one.get("channel", [channel])
        assert isinstance(events, list)
        assert isinstance(channels, list)
        if event in events and channel in channels and (watched or "list" not in one):
            bounds |= {name: float(str(one[name])) for name in bounds if name in one}
    level = "low"
    for name, bound in bounds.items():
        level = name if probability >= bound else level
    assert ours.decide(event, probability, channel, watched=watched)[0] == level


def write(path: Path, text: str) -> None:
    """A new file in the place of the old one."""
    draft = path.with_name("draft")
    draft.write_text(text)
    draft.replace(path)


def follow(keeper: PolicyKeeper) -> None:
    """A change counts once it stood still from one look to the next."""
    keeper.refresh()
    keeper.refresh()


def test_a_changed_file_is_taken_up_and_a_wrong_one_leaves_the_old_in_force(tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path, neo4j_uri="off")
    keeper = PolicyKeeper(settings)
    assert keeper.held.policy.name == "default"
    path = settings.places.policy
    write(path, BASE)
    keeper.refresh()
    assert keeper.held.policy.name == "default"
    keeper.refresh()
    ours = keeper.held
    assert (ours.policy.version, ours.problem) == (policy("").version, "")
    write(path, BASE.replace("high = 0.6", "high = 0.95"))
    follow(keeper)
    assert keeper.held.policy is ours.policy
    assert "must rise" in keeper.held.problem
    write(path, BASE.replace("high = 0.6", "high = 0.5"))
    follow(keeper)
    assert keeper.held.policy.decide("signup", 0.5) == ("high", "challenge")
    assert keeper.held.problem == ""
    path.unlink()
    follow(keeper)
    assert keeper.held.policy.version == Policy.load(SHIPPED).version


def test_a_wrong_file_is_refused_once_and_not_at_each_look(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings(data=tmp_path, neo4j_uri="off")
    settings.places.policy.write_text("nonsense")
    keeper = PolicyKeeper(settings)
    for _ in range(5):
        keeper.refresh()
    assert keeper.held.policy.name == "default"
    assert "not TOML" in keeper.held.problem
    assert capsys.readouterr().out.count("policy_refused") == 1


def test_the_setting_names_another_file(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.toml"
    settings = load_settings(data=tmp_path / "data", neo4j_uri="off", policy=path)
    keeper = PolicyKeeper(settings)
    assert "cannot be read" in keeper.held.problem
    write(path, BASE)
    follow(keeper)
    assert (keeper.held.policy.name, keeper.held.problem) == ("ours", "")
