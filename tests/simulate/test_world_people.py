"""Who lives in a world, what they share, and what the provider does about it."""

from __future__ import annotations

from collections import Counter, defaultdict

from msgspec import UNSET

from graphsvc.simulate import load_world
from tests.simulate.made import Made

DAY_S = 86_400


def identifiers(made: Made) -> dict[str, set[str]]:
    """Strong identifiers of each account."""
    found: dict[str, set[str]] = defaultdict(set)
    for event in made.events:
        mine = found[event.account_id]
        if event.device is not UNSET:
            mine.add(f"device {event.device.id}")
        if event.ip is not UNSET:
            mine.add(f"ip {event.ip}")
        if event.payment is not UNSET:
            mine.add(f"card {event.payment.fingerprint}")
        if event.signup is not UNSET:
            mine.add(f"phone {event.signup.phone}" if event.signup.phone is not UNSET else "")
            mine.add(f"domain {str(event.signup.email).split('@')[1]}")
            mine.add(f"code {event.signup.referral_code}")
    return {account_id: mine - {"", "code UNSET"} for account_id, mine in found.items()}


def test_quiet_has_no_operator(quiet_world: Made) -> None:
    assert quiet_world.summary.abusive == quiet_world.summary.rings == 0
    assert not any(row["ring"] or row["operator"] for row in quiet_world.truth.values())
    assert {row["abusive"] for row in quiet_world.truth.values()} == {"0"}


def test_plain_has_every_group_and_a_small_share_of_abuse(plain_world: Made) -> None:
    world = load_world("plain")
    groups = Counter(row["group"] for row in plain_world.truth.values())
    assert groups.keys() == {*world.operators, *world.innocents}
    assert 0.05 <= plain_world.summary.abusive / plain_world.summary.accounts <= 0.10


def test_every_ring_is_of_one_operator_and_one_kind(plain_world: Made) -> None:
    rings: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for row in plain_world.truth.values():
        if row["ring"]:
            rings[row["ring"]].add((row["operator"], row["kind"]))
    assert len(rings) == plain_world.summary.rings >= 4
    assert all(len(kinds) == 1 for kinds in rings.values())


def test_accounts_of_most_rings_share_what_few_others_have(plain_world: Made) -> None:
    held = identifiers(plain_world)
    degree = Counter(name for mine in held.values() for name in mine)
    members: dict[str, list[str]] = defaultdict(list)
    for account_id, row in plain_world.truth.items():
        if row["ring"]:
            members[row["ring"]].append(account_id)
    linked = []
    for accounts in members.values():
        inside = Counter(name for account_id in accounts for name in held[account_id])
        strong = {name for name, count in inside.items() if count > 1 and degree[name] <= 2 * count + 2}
        linked.append(sum(bool(held[account_id] & strong) for account_id in accounts) / len(accounts))
    assert sum(share > 0.3 for share in linked) >= len(linked) / 2


def test_innocents_share_too(plain_world: Made) -> None:
    held = identifiers(plain_world)
    degree = Counter(name for mine in held.values() for name in mine)
    for group in ("household", "office", "campus", "classroom", "agency", "two_accounts"):
        accounts = [account_id for account_id, row in plain_world.truth.items() if row["group"] == group]
        sharing = sum(any(degree[name] > 1 and name[0] in "dip" for name in held[account]) for account in accounts)
        assert sharing > 0.8 * len(accounts), group


def test_conversations_hop_within_one_ring_or_among_people_who_belong_together(plain_world: Made) -> None:
    holders: dict[str, set[str]] = defaultdict(set)
    for event in plain_world.events:
        if event.request is not UNSET and event.request.messages is not UNSET:
            said = [message.content for message in event.request.messages if message.role != "system"]
            if len(said) > 2:
                holders["\n".join(said[:2])].add(event.account_id)
    hops = [accounts for accounts in holders.values() if len(accounts) > 1]
    units = [{plain_world.truth[account_id]["unit"] for account_id in accounts} for accounts in hops]
    assert len(hops) > 8
    assert all(len(unit) == 1 for unit in units)
    groups = Counter(plain_world.truth[min(accounts)]["group"] for accounts in hops)
    assert "gateway" in groups
    assert sum(load_world("plain").archetypes[group].side == "operator" for group in groups) > 1


def test_bans_are_late_and_partial_and_end_an_account(plain_world: Made) -> None:
    banned = {
        event.account_id: event.occurred_at
        for event in plain_world.events
        if event.enforcement is not UNSET and event.enforcement.action == "banned"
    }
    of_rings: dict[str, list[bool]] = defaultdict(list)
    for account_id, row in plain_world.truth.items():
        if row["ring"]:
            of_rings[row["ring"]].append(account_id in banned)
    assert any(any(bans) and not all(bans) for bans in of_rings.values())
    assert any(not any(bans) for bans in of_rings.values())
    for event in plain_world.events:
        if event.type == "request" and event.account_id in banned and plain_world.abusive(event.account_id):
            assert event.occurred_at < banned[event.account_id]


def test_labels_are_delayed_partial_and_sometimes_wrong(plain_world: Made) -> None:
    banned = {
        event.account_id: event.occurred_at
        for event in plain_world.events
        if event.enforcement is not UNSET and event.enforcement.action == "banned"
    }
    delays_s = [
        (label.decided_at - banned[label.account_id]).total_seconds()
        for label in plain_world.labels
        if label.verdict == "abusive" and label.account_id in banned and plain_world.abusive(label.account_id)
    ]
    assert min(delays_s) > 0
    assert max(delays_s) > 3 * DAY_S
    known = {label.account_id for label in plain_world.labels if label.verdict == "abusive"}
    labelled = sum(plain_world.abusive(account_id) for account_id in known)
    assert 0.05 < labelled / plain_world.summary.abusive < 0.8
    wrong = [
        label for label in plain_world.labels if (label.verdict == "abusive") != plain_world.abusive(label.account_id)
    ]
    assert 0 < len(wrong) < 0.2 * len(plain_world.labels)


def test_some_innocents_who_raised_an_alarm_are_cleared(plain_world: Made) -> None:
    cleared = Counter(
        plain_world.truth[label.account_id]["group"] for label in plain_world.labels if label.verdict == "benign"
    )
    assert {"campus", "individual"} <= cleared.keys()
    assert {label.kind for label in plain_world.labels if label.kind is not UNSET} >= {"shared_network", "other_benign"}


def test_people_ask_again_what_failed(plain_world: Made) -> None:
    last: dict[str, tuple[int, list[str]]] = {}
    again = failed = 0
    for event in plain_world.events:
        if event.request is UNSET or event.request.messages is UNSET or plain_world.abusive(event.account_id):
            continue
        said = [message.content for message in event.request.messages]
        status, before = last.get(event.account_id, (200, []))
        failed += status >= 500
        again += status >= 500 and said == before
        last[event.account_id] = int(event.request.status), said
    assert failed > 10
    assert 0.2 < again / failed < 0.9


def by_group(made: Made, group: str) -> list[dict[str, str]]:
    return [row for row in made.truth.values() if row["group"] == group]


def test_units_are_what_innocents_belong_together_by_and_the_rings_of_operators(plain_world: Made) -> None:
    for row in plain_world.truth.values():
        assert row["unit"] == row["ring"] if row["ring"] else row["unit"].startswith(f"{row['group']}-")
    sizes = {group: Counter(row["unit"] for row in by_group(plain_world, group)) for group in ("campus", "individual")}
    assert max(sizes["campus"].values()) > 20
    assert set(sizes["individual"].values()) == {1}


def test_a_person_may_have_several_accounts_and_a_unit_several_people(plain_world: Made) -> None:
    people = {group: Counter(row["person"] for row in by_group(plain_world, group))
              for group in ("two_accounts", "household", "stolen_account")}  # fmt: skip
    assert set(people["two_accounts"].values()) == {2}
    assert set(people["household"].values()) == {1}
    assert set(people["stolen_account"].values()) == {1}
    assert len({row["unit"] for row in by_group(plain_world, "household")}) < len(people["household"])
    assert all(row["person"] == row["operator"] for row in by_group(plain_world, "distillation"))


def test_what_each_group_of_innocents_shares_is_its_own(plain_world: Made) -> None:
    """The kind of identifier that most links accounts of one unit, for groups that are known by it."""
    shown: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for event in plain_world.events:
        mine = shown[event.account_id]
        if event.ip is not UNSET:
            mine["address"].add(str(event.ip))
        if event.payment is not UNSET:
            mine["card"].add(str(event.payment.fingerprint))
        if event.org_id is not UNSET:
            mine["org"].add(str(event.org_id))
        if event.signup is not UNSET and event.signup.referral_code is not UNSET:
            mine["code"].add(str(event.signup.referral_code))
        if event.request is not UNSET and event.request.messages and event.request.messages[0].role == "system":
            mine["prompt"].add(event.request.messages[0].content)

    def linked(group: str, kind: str) -> float:
        """Share of the group's accounts that show what another of their unit shows."""
        holders: dict[tuple[str, str], set[str]] = defaultdict(set)
        for row in by_group(plain_world, group):
            for name in shown[row["account_id"]][kind]:
                holders[row["unit"], name].add(row["account_id"])
        together = {account for accounts in holders.values() if len(accounts) > 1 for account in accounts}
        return len(together) / len(by_group(plain_world, group))

    assert linked("sso_company", "org") > 0.95
    assert linked("family_card", "card") > 0.6
    assert linked("family_card", "address") < 0.2
    assert linked("agency_card", "card") > 0.7
    assert linked("influencer", "code") > 0.8
    assert linked("influencer", "card") == 0
    assert linked("public_terminal", "address") > 0.6
    assert linked("coworking", "address") > 0.6
    assert linked("mobile_region", "address") > 0.7
    assert linked("vendor_app", "prompt") > 0.6
    assert linked("hackathon", "code") > 0.5
    assert linked("individual", "card") == linked("individual", "org") == 0
