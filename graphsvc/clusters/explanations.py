"""Innocent explanations of a cluster, each tried in earnest.

An explanation is tried twice: is there a sign of it (most members at one small address, in one organisation, …), and
what still holds the members together when everything that it would account for is set aside? It explains the cluster
where there is a sign and no more than half of the members hold together without it. Both figures are told, whatever
they say; that an explanation fails is no proof of guilt, since the service sees identifiers and not people.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from graphsvc.clusters.bonds import Float64s, Int64s, Shared, largest_part
from graphsvc.clusters.material import Material
from graphsvc.links.pairs import BITS_MIN
from graphsvc.links.weights import GROUPS, HUB_CUT

HOUSEHOLD_MOST = 6
HOME_DEGREE = 12
"""Accounts at a home's address: those of a large family, twice over, since an address is given to another home."""
OWN_MOST = 3
MOST = 0.5
"""A sign must be there for half of the members."""
OPENED_WITHIN_MS = 3 * 86_400_000
OPENED = 0.8
EVEN_GAPS = 0.5
"""Spread of the gaps between acts by their mean; people's come in bursts and lie well above 1."""
ROUND_THE_CLOCK_BITS = 4.0
"""Entropy of the hours of the day: 16 of 24 hours used alike."""
SCHEDULED_ACTS = 20

COMMON_DEGREE = HUB_CUT // 4
"""What so many accounts have, two strangers may both have; so they may with several such things."""

Outcome = Literal["explains", "in_part", "no"]


@dataclass(frozen=True)
class Sign:
    """`there`: whether there is a sign of the explanation; `figure` says what was looked at."""

    there: bool
    figure: str


@dataclass(frozen=True)
class Explanation:
    """One innocent explanation tried. `sign`: whether there is a sign of it, by what `figure` says was looked at;
    `held` of the members hold together without what it would account for, as `consequence` says in words."""

    code: str
    name: str
    outcome: Outcome
    sign: bool
    figure: str
    held: int
    consequence: str


@dataclass(frozen=True)
class Case:
    """A cluster to explain: of `members` accounts; things in columns, and who has which (1 in [n, things]); `bits` of
    its pairs, of each by group [p, g], and the degree of the `rarest` thing that it shares (0: of none, it rests on
    direct dealings or hand-overs). The pairs hold `whole` members together, in the largest part."""

    members: int
    kind: npt.NDArray[np.object_]
    degree: Int64s
    has: csr_array
    facts: dict[str, npt.NDArray[np.float64]]
    created_ms: Int64s
    a: Int64s
    b: Int64s
    bits: Float64s
    by_group: Float64s
    rarest: Int64s
    whole: int

    def widest(self, kinds: tuple[str, ...], low: int = 0, high: int | None = None) -> tuple[int, int]:
        """Of things of these kinds with a degree from `low` to below `high`: members that have the one that most of
        them have, and its degree; 0, 0 where there is none."""
        fits = np.isin(self.kind, kinds) & (self.degree >= low) & (self.degree < (high or np.inf))
        if not fits.any():
            return 0, 0
        counts = np.where(fits, _sums(self.has, 0), -1)
        best = int(np.lexsort((self.degree, -counts))[0])
        return int(counts[best]), int(self.degree[best])

    def having(self, kinds: tuple[str, ...], low: int = 0) -> Int64s:
        """How many things of these kinds and at least that degree each member has."""
        fits = np.isin(self.kind, kinds) & (self.degree >= low)
        return _sums(self.has[:, fits], 1)

    def most(self, count: int) -> bool:
        return count >= MOST * self.members


def case_of(material: Material, rows: Int64s, shared: Shared) -> Case:
    """The case of one cluster, from its material and what its pairs in `rows` share."""
    members, things, holds = material.members, material.things, material.holds
    ends = (holds["account"].to_numpy(), holds["thing"].to_numpy())
    has = csr_array((np.ones(len(holds), np.int64), ends), shape=(len(members), len(things)))
    degree = things["degree"].to_numpy().astype(np.int64)
    names = ("gap_cv", "hour_entropy", "family_repeat_share", "events")
    a, b = (material.pairs[end].to_numpy()[rows].astype(np.int64) for end in ("a", "b"))
    return Case(
        members=len(members),
        kind=things["type"].to_numpy(zero_copy_only=False),
        degree=degree,
        has=has,
        facts={name: members[name].to_numpy().astype(np.float64) for name in names},
        created_ms=members["created_ms"].to_numpy(),
        a=a,
        b=b,
        bits=material.pairs["bits"].to_numpy()[rows].astype(np.float64),
        by_group=shared.by_group,
        rarest=_rarest(shared.left, degree),
        whole=largest_part(len(members), a, b),
    )


def _sums(has: csr_array, axis: int) -> Int64s:
    sums: Int64s = np.asarray(has.sum(axis=axis)).ravel()
    return sums


def _rarest(left: csr_array, degree: Int64s) -> Int64s:
    found = np.zeros(left.shape[0], np.int64)
    some = np.flatnonzero(np.diff(left.indptr))
    found[some] = np.minimum.reduceat(degree[left.indices], left.indptr[some]) if len(some) else 0
    return found


def explanations(case: Case) -> list[Explanation]:
    """Every innocent explanation, tried; those that explain first, then those that do in part."""
    tried = [_tried(case, *one) for one in TRIED]
    tried.append(_chance(case))
    order: list[Outcome] = ["explains", "in_part", "no"]
    return sorted(tried, key=lambda one: order.index(one.outcome))


def _tried(
    case: Case, code: str, name: str, sign_of: Callable[[Case], Sign], accounts_for: tuple[str, ...]
) -> Explanation:
    sign = sign_of(case)
    columns = [GROUPS.index(group) for group in accounts_for]
    explained = case.by_group[:, columns].sum(axis=1)
    if "network" in accounts_for:
        # What rests on several weak things at once has a network among them as a rule: the doubt is the accused's.
        explained = explained + np.maximum(case.bits - case.by_group.sum(axis=1), 0)
    left = (case.bits - explained >= BITS_MIN) | (explained <= 0)
    held = largest_part(case.members, case.a[left], case.b[left])
    return _explanation(case, code, name, sign, held)


def _explanation(case: Case, code: str, name: str, sign: Sign, held: int) -> Explanation:
    outcome = _outcome(sign.there, held, case.whole)
    left = "no two accounts" if held < 2 else f"{held:,} of {case.members:,} accounts"
    if sign.there:
        consequence = f"There are signs of it. Without what it would account for, {left} still hold together."
    else:
        consequence = f"There is no sign of it. Without such evidence {left} would still hold together."
    return Explanation(code, name, outcome, sign.there, sign.figure, held, consequence)


def _outcome(sign: bool, held: int, whole: int) -> Outcome:
    """`whole`: how many hold together with all the evidence."""
    if not sign or held >= whole:
        return "no"
    return "explains" if held <= MOST * whole else "in_part"


def _chance(case: Case) -> Explanation:
    """Whether the pairs share common things alone, which may come together in two accounts by chance."""
    common = case.rarest >= COMMON_DEGREE
    count = int(common.sum())
    held = largest_part(case.members, case.a[~common], case.b[~common])
    figure = (
        f"{count:,} of {len(case.bits):,} pairs share only things that {COMMON_DEGREE} and more accounts have, several "
        "of them together."
    )
    return _explanation(case, "chance", "A coincidence of common things", Sign(count > 0, figure), held)


def _of(count: int, case: Case) -> str:
    return f"{count:,} of {case.members:,} accounts"


def _own(case: Case) -> Sign:
    return Sign(case.members <= OWN_MOST, f"{case.members:,} accounts; one person has seldom more than {OWN_MOST}.")


def _household(case: Case) -> Sign:
    count, degree = case.widest(("ip",), high=HOME_DEGREE + 1)
    there = case.members <= HOUSEHOLD_MOST and case.most(count)
    if not count:
        return Sign(False, f"{case.members:,} accounts, and no address of a home's size that two of them use.")
    return Sign(there, f"{case.members:,} accounts; {count:,} use one address that {degree:,} accounts use in all.")


def _organisation(case: Case) -> Sign:
    count, degree = case.widest(("org",))
    if not count:
        return Sign(False, "No two of the accounts belong to the same organisation.")
    figure = f"{_of(count, case)} belong to one organisation, which has {degree:,} accounts in all."
    return Sign(case.most(count), figure)


def _office(case: Case) -> Sign:
    count, degree = case.widest(("ip", "subnet"), high=HUB_CUT)
    if not count:
        return Sign(False, f"No address or subnet of fewer than {HUB_CUT} accounts that two of them use.")
    figure = f"{_of(count, case)} use one address or subnet that {degree:,} accounts use in all."
    return Sign(case.most(count), figure)


def _campus(case: Case) -> Sign:
    count, degree = case.widest(("ip", "subnet"), low=HUB_CUT)
    if not count:
        return Sign(False, f"No two of them use an address or subnet of {HUB_CUT} and more accounts.")
    return Sign(case.most(count), f"{_of(count, case)} use one address or subnet that {degree:,} accounts use.")


def _carrier(case: Case) -> Sign:
    count = int((case.having(("ip",), HUB_CUT) >= 2).sum())
    return Sign(case.most(count), f"{_of(count, case)} use two or more addresses of {HUB_CUT} and more accounts each.")


def _vpn(case: Case) -> Sign:
    crowded = case.having(("ip", "subnet"), HUB_CUT) >= 1
    several = case.having(("asn",)) >= 2
    count = int((crowded & several).sum())
    figure = f"{_of(count, case)} use an address of {HUB_CUT} and more accounts and come from several operators."
    return Sign(case.most(count), figure)


def _template(case: Case) -> Sign:
    kinds = ("prompt_family", "prompt_frame")
    fits = np.isin(case.kind, kinds)
    if not fits.any():
        return Sign(False, "No two of them send prompts of the same template.")
    inside = _sums(case.has[:, fits], 0)
    public = case.degree[fits] >= 2 * inside
    count = int((_sums(case.has[:, fits][:, public], 1) > 0).sum())
    figure = (
        f"{_of(count, case)} send prompts of templates that are used by as many others outside or more; they share "
        f"{int(fits.sum()):,} templates in all, {int(public.sum()):,} of them so widely used."
    )
    return Sign(case.most(count), figure)


def _schedule(case: Case) -> Sign:
    facts = case.facts
    timed = (facts["gap_cv"] < EVEN_GAPS) | (facts["hour_entropy"] >= ROUND_THE_CLOCK_BITS)
    scheduled = int((timed & (facts["events"] >= SCHEDULED_ACTS) & (facts["family_repeat_share"] >= MOST)).sum())
    home, _ = case.widest(("org", "api_key"))
    figure = (
        f"{_of(scheduled, case)} act evenly or round the clock and repeat their prompts, and {home:,} share an "
        "organisation or a key, as a team's jobs would."
    )
    return Sign(case.most(scheduled) and case.most(home), figure)


def _event(case: Case) -> Sign:
    opened = np.sort(case.created_ms)
    together = int((np.searchsorted(opened, opened + OPENED_WITHIN_MS, "right") - np.arange(len(opened))).max())
    place, degree = case.widest(("ip", "subnet", "org", "mail_domain", "referral_code"))
    figure = f"{_of(together, case)} were opened within three days; "
    if place:
        figure += f"{place:,} share a place, a mail domain or a code that {degree:,} accounts have."
    else:
        figure += "no two of them share a place, a mail domain or a code."
    return Sign(together >= OPENED * case.members and case.most(place), figure)


TRIED: tuple[tuple[str, str, Callable[[Case], Sign], tuple[str, ...]], ...] = (
    (
        "own_accounts",
        "One person's own accounts",
        _own,
        ("network", "device", "payment", "phone", "mail", "referral", "prompt", "conversation", "peer", "combination"),
    ),
    (
        "household",
        "A household",
        _household,
        ("network", "device", "payment", "phone", "mail", "referral", "peer", "combination"),
    ),
    (
        "organisation",
        "One organisation",
        _organisation,
        ("org", "network", "mail", "payment", "key", "prompt", "conversation", "referral", "peer", "combination"),
    ),
    ("office", "An office or a site", _office, ("network", "combination")),
    ("campus", "A campus or a large network", _campus, ("network", "mail", "combination")),
    ("carrier", "A mobile carrier's shared addresses", _carrier, ("network", "combination")),
    ("vpn_exit", "A VPN's exit", _vpn, ("network", "combination")),
    ("public_template", "A public template, a textbook or a benchmark", _template, ("prompt",)),
    ("schedule", "A team's scheduled jobs", _schedule, ("prompt", "key", "org", "network", "timing", "conversation")),
    (
        "event",
        "A class, a course or a hackathon",
        _event,
        ("network", "mail", "referral", "org", "prompt", "combination"),
    ),
)
"""Code, name, sign and the evidence groups that the explanation accounts for. Devices, phones and payment are nobody's
to share but a home's or one person's; a shared organisation has shared cards, keys and workspaces."""
