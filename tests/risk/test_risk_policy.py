"""The policy file, and what is refused in one."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphsvc.errors import BadInput
from graphsvc.risk.policy import ACCOUNT, SHIPPED, Policy


def test_the_shipped_policy_grades_actions() -> None:
    policy = Policy.load()
    decided = [policy.decide("signup", chance) for chance in (0.0, 0.3, 0.6, 0.9, 1.0)]
    assert decided == [
        ("low", "allow"),
        ("medium", "review"),
        ("high", "challenge"),
        ("critical", "deny"),
        ("critical", "deny"),
    ]
    assert policy.decide("login", 0.99) == ("critical", "challenge")
    assert policy.decide(ACCOUNT, 0.5) == ("medium", "review")
    assert policy.version


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("high = 0.60", "high = 0.95"),
        ("medium = 0.30", 'medium = "much"'),
        ("medium = 0.30", "medium = 0.30\nmedum = 0.2"),
        ('low = "allow"', 'low = "jail"'),
        ('low = "allow"\n', ""),
        ("[event.login.actions]", "[event.logout.actions]"),
        ("\n[default]\n", "\n[default\n"),
    ],
)
def test_a_wrong_policy_is_refused(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(SHIPPED.read_text().replace(old, new, 1))
    with pytest.raises(BadInput, match="policy"):
        Policy.load(path)
    with pytest.raises(BadInput, match="cannot be read"):
        Policy.load(tmp_path / "none.toml")
