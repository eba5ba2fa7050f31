"""What operators give up is gone from the events, and what they do not give up is still there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET

from graphsvc.events.types import Event
from graphsvc.simulate import load_world
from graphsvc.simulate.evade import giving_up
from graphsvc.simulate.people import ALIAS_DOMAINS, DISPOSABLE_DOMAINS, PUBLIC_DOMAINS
from graphsvc.simulate.spec import WorldSpec
from tests.simulate.made import Made, make_spec

GONE = ("device", "payment", "mail", "phone", "referral", "conversation")
EVERYBODYS = {*PUBLIC_DOMAINS, *ALIAS_DOMAINS, *DISPOSABLE_DOMAINS}


@pytest.fixture(scope="module")
def drift() -> WorldSpec:
    return msgspec.structs.replace(load_world("drift"), accounts=900, requests=8.0, seed=4, abusive_share=(0.4, 0.4))


def shown(event: Event, kind: str) -> Iterator[str]:
    """What an event shows of one kind of sharing."""
    if kind == "device" and event.device is not UNSET:
        yield str(event.device.id)
    if kind == "payment":
        if event.payment is not UNSET:
            yield str(event.payment.fingerprint)
        if event.org_id is not UNSET:
            yield str(event.org_id)
    if event.signup is not UNSET:
        if kind == "mail":
            name, domain = str(event.signup.email).split("@")
            if domain not in EVERYBODYS:
                yield domain
            yield f"{name.split('+')[0].replace('.', '')}@{domain}"
        if kind == "phone" and event.signup.phone is not UNSET:
            yield str(event.signup.phone)
        if kind == "referral" and event.signup.referral_code is not UNSET:
            yield str(event.signup.referral_code)
    if kind == "conversation" and event.request is not UNSET and event.request.messages is not UNSET:
        said = [message.content for message in event.request.messages if message.role != "system"]
        if len(said) > 2:
            yield "\n".join(said[:2])


def sharing(made: Made, kind: str) -> float:
    """Share of the operators' accounts that show something of this kind with another account of their ring, and with
    hardly anybody else."""
    holders: dict[str, set[str]] = defaultdict(set)
    for event in made.events:
        for name in shown(event, kind):
            holders[name].add(event.account_id)
    linked: set[str] = set()
    for accounts in holders.values():
        rings = defaultdict(set)
        for account in accounts:
            rings[made.truth[account]["ring"]].add(account)
        if len(rings.pop("", ())) < 4:
            linked |= {account for ring in rings.values() if len(ring) > 1 for account in ring}
    return len(linked) / made.summary.abusive


def test_each_kind_of_sharing_is_gone_once_it_is_given_up(drift: WorldSpec, tmp_path: Path) -> None:
    before = make_spec(tmp_path / "before", drift)
    after = make_spec(tmp_path / "after", giving_up(drift, [*GONE, "network", "signup_timing", "prompt"]))
    for kind in GONE:
        assert sharing(before, kind) > 0.04, kind
        assert sharing(after, kind) < 0.02, kind


@pytest.mark.parametrize("kind", ["device", "conversation"])
def test_what_is_not_given_up_is_still_shared(kind: str, drift: WorldSpec, tmp_path: Path) -> None:
    made = make_spec(tmp_path, giving_up(drift, [one for one in GONE if one != kind]))
    assert sharing(made, kind) > 0.03
