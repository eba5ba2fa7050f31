"""Reports of made-up but plausible figures: two normal distributions of scores, a handful of rings and groups."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

from graphsvc.evaluation.figures import (
    AccountFigures,
    AgeFigures,
    Bin,
    ClusterFigures,
    Estimate,
    Evaluation,
    EvasionStep,
    GroupFigures,
    MethodFigures,
    Point,
    Report,
    RingFound,
)

NORMAL = NormalDist()
IN_BINS = (3_320, 180, 140, 61, 34, 22, 18, 17, 11, 9, 12, 25, 31, 69, 51)
NAN = Estimate(math.nan, math.nan, math.nan)


def about(value: float, wide: float = 0.05) -> Estimate:
    """A share with an interval that stays in [0, 1]."""
    return Estimate(value, max(value - wide, 0.0), min(value + wide, 1.0))


def recall(at: float, apart: float) -> float:
    return NORMAL.cdf(apart + NORMAL.inv_cdf(at))


def accounts(apart: float = 3.0, *, total: int = 4_000, abusive: int = 300, operators: int = 14) -> AccountFigures:
    """Scores of the abusive lie `apart` standard deviations above those of the innocents."""
    rates = [10 ** (-4 + 4 * n / 80) for n in range(80)]
    share = abusive / total
    roc = tuple(Point(rate, recall(rate, apart)) for rate in rates)
    curve = [Point(p.y, share * p.y / (share * p.y + (1 - share) * p.x)) for p in roc]
    bins = tuple(
        Bin(
            n / 10 + 0.05, min(max(n / 10 + 0.02 * (n % 3), 0.0), 1.0), [3_500, 140, 61, 34, 22, 18, 25, 31, 69, 240][n]
        )
        for n in range(10)
    )
    precision = sum((b.x - a.x) * b.y for a, b in zip([Point(0.0, 1.0), *curve], curve, strict=False))
    return AccountFigures(
        accounts=total,
        abusive=abusive,
        operators=operators,
        auroc=about(NORMAL.cdf(apart / math.sqrt(2)), 0.012),
        average_precision=about(precision),
        recall_at_fpr_01=about(recall(0.001, apart), 0.12),
        recall_at_fpr_1=about(recall(0.01, apart), 0.08),
        budget=200,
        precision_at_budget=about(0.93, 0.06),
        calibration_error=about(0.021, 0.009),
        reliability=bins,
        roc=roc,
        precision_recall=tuple(curve),
    )


def no_abuse(total: int = 4_000) -> AccountFigures:
    """Of a world without operators nothing is defined but calibration."""
    return AccountFigures(
        total,
        0,
        0,
        NAN,
        NAN,
        NAN,
        NAN,
        200,
        Estimate(0.0, 0.0, 0.0),
        about(0.012, 0.004),
        (Bin(0.01, 0.0, total),),
        (),
        (),
    )


RINGS = (
    RingFound("ring-01", "distillation", 64, 0.97, 19.5, 12),
    RingFound("ring-02", "resale_relay", 120, 0.91, 7.2, 9),
    RingFound("ring-03", "trial_farm", 31, 0.84, 2.1, 6),
    RingFound("ring-04", "distillation", 22, 0.0, None, None),
    RingFound("ring-05", "stolen_account", 9, 0.33, None, None),
    RingFound("ring-06", "resale_relay", 41, 1.0, 61.0, 18),
    RingFound("ring-07", "trial_farm", 18, 0.72, 210.0, 14),
    RingFound("ring-08", "distillation", 77, 0.62, 0.4, 4),
    RingFound("ring-09", "trial_farm", 12, 0.58, 388.0, 11),
)


def clusters(rings: tuple[RingFound, ...] = RINGS) -> ClusterFigures:
    found = [ring for ring in rings if ring.share >= 0.5]
    bins = (Bin(0.04, 0.01, 212), Bin(0.31, 0.2, 15), Bin(0.55, 0.75, 4), Bin(0.97, 0.94, 18))
    if not rings:
        return ClusterFigures(
            231, 3, 0, NAN, Estimate(0.0, 0.0, 0.0), *[NAN] * 5, about(0.02, 0.01), bins[:1], NAN, NAN, ()
        )
    return ClusterFigures(
        clusters=249,
        flagged=22,
        rings=len(rings),
        ring_recall=about(len(found) / len(rings), 0.21),
        account_precision=about(0.93, 0.04),
        account_recall=about(0.86, 0.07),
        precision_at_recall_80=about(0.93, 0.04),
        bcubed_precision=about(0.95, 0.03),
        bcubed_recall=about(0.78, 0.09),
        kind_accuracy=about(0.81, 0.12),
        calibration_error=about(0.04, 0.02),
        reliability=bins,
        hours_until_found=Estimate(40.2, 7.2, 210.0),
        accounts_until_found=Estimate(11.0, 6.0, 14.0),
        each_ring=rings,
    )


def groups() -> tuple[GroupFigures, ...]:
    return (
        GroupFigures("campus", 480, 470, 6, 1, 1, 2, Estimate(0.0021, 0.0, 0.008)),
        GroupFigures("carrier_nat", 320, 318, 9, 4, 4, 3, Estimate(0.0125, 0.0, 0.041)),
        GroupFigures("classroom", 210, 205, 3, 0, 0, 0, Estimate(0.0, 0.0, 0.0143)),
        GroupFigures("household", 430, 160, 158, 3, 2, 6, Estimate(0.007, 0.0, 0.018)),
        GroupFigures("individual", 2_150, 2_150, 2_150, 9, 9, 4, Estimate(0.0042, 0.0019, 0.0071)),
        GroupFigures("mail_alias", 110, 37, 37, 11, 3, 11, Estimate(0.1, 0.021, 0.192)),
    )


def many_groups(count: int = 26) -> tuple[GroupFigures, ...]:
    """As many groups as a simulated world has, most of a few units."""
    return tuple(
        GroupFigures(f"group_{n}", 20 + n, 20 + n, n + 1, n % 3, n % 3, 0, about(n % 3 / (20 + n), 1 / (n + 2)))
        for n in range(count)
    )


def method(name: str, apart: float, what: str = "", *, judged: AccountFigures | None = None) -> MethodFigures:
    rings = about(min(apart / 4.5, 1.0), 0.2) if judged is None else NAN
    return MethodFigures(
        name, what or f"judged by {name}", judged or accounts(apart), rings, about(0.0076 + (3.1 - apart) / 250, 0.003)
    )


def methods() -> tuple[MethodFigures, ...]:
    return (
        method("shipped", 3.1, "the whole shipped model"),
        method("trees", 2.95, "the boosted trees of the shipped model alone"),
        method("network", 2.6, "the graph networks of the shipped model alone"),
        method("rules", 1.6, "pair bits and confirmed neighbours, nothing fitted"),
    )


def ablations() -> tuple[MethodFigures, ...]:
    return (
        method("full", 2.8, "all features and links"),
        method("without_prompts", 2.4, "no prompt families and no conversations"),
        method("without_payments", 2.6),
        method("without_timing", 2.75),
        method("trees", 2.7, "boosted trees over the same features"),
        method("rules", 1.6, "nothing fitted"),
    )


def _beside(apart: float, *, quiet: bool) -> tuple[AccountFigures, AccountFigures, AccountFigures]:
    """The model, its trees and rules; each tells less apart than the one before."""
    model, trees, rules = (no_abuse() if quiet else accounts(apart * share) for share in (1.0, 0.9, 0.5))
    return model, trees, rules


def evaluation(name: str = "plain 51", *, quiet: bool = False, split: bool = False) -> Evaluation:
    quiet_methods = tuple(method(each.name, 2.0, each.what, judged=no_abuse()) for each in methods())
    ages = zip(("signup", "+1 h", "+24 h", "+7 d"), (1.1, 1.7, 2.5, 2.9), strict=True)
    return Evaluation(
        name=name,
        judged_by="truth file",
        as_of="2026-03-01T00:00:00Z",
        model_version="2026-02-01-4f1a2b3c",
        accounts=no_abuse() if quiet else accounts(3.1),
        clusters=clusters(()) if quiet else clusters(),
        innocents=groups(),
        ages=tuple(AgeFigures(age, *_beside(apart, quiet=quiet)) for age, apart in ages),
        methods=quiet_methods if quiet else methods(),
        split=ablations() if split else (),
        notes=("12 accounts of truth.csv (3 abusive) had done nothing by then: in no figure.",),
    )


def evasion() -> tuple[EvasionStep, ...]:
    steps = (
        ("nothing", 2.1, 0.93, 0.95),
        ("device", 2.9, 0.9, 0.92),
        ("payment", 5.4, 0.81, 0.8),
        ("network", 9.8, 0.6, 0.55),
        ("mail", 10.3, 0.55, 0.5),
        ("phone", 10.6, 0.55, 0.5),
        ("referral", 10.6, 0.53, 0.5),
        ("signup_timing", 10.6, 0.5, 0.45),
        ("prompt", 19.5, 0.31, 0.2),
        ("conversation", 24.0, 0.12, 0.1),
    )
    return tuple(EvasionStep(name, cost, cost / 2.1, about(a, 0.07), about(b, 0.15)) for name, cost, a, b in steps)


def one_log() -> Report:
    return Report("graphsvc evaluate --truth truth.csv --ablations", (evaluation("this log", split=True),), evasion())


def many_worlds() -> Report:
    worlds = (
        evaluation("evasive 51"),
        replace(evaluation("evasive 52"), innocents=many_groups()),
        evaluation("quiet 51", quiet=True),
    )
    return Report("graphsvc evaluate --worlds evasive,quiet --evasion", worlds, evasion())
