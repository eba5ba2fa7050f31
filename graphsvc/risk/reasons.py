"""Why an account scores as it does, in plain words, strongest first."""

from __future__ import annotations

from graphsvc.clusters.verdict import Verdict, account_verdict
from graphsvc.risk.answer import Reason, RiskCluster
from graphsvc.risk.base import Base
from graphsvc.risk.index import Look
from graphsvc.risk.keys import ABSENT

MOST = 8
LEAST_BITS = 0.5
"""What is worth less connects nobody; it is shown only where there is nothing else."""
LABEL_BITS = 6.6
"""log2(0.99 / 0.01): what a label adds to even odds."""
JOIN_BITS = 8.0
"""So much is needed to tie an account to a cluster, as to tie two accounts in detection."""
SHARES: dict[str, str] = {
    "instrument": "its payment instrument",
    "bin": "the issuer range of its card",
    "device": "its device",
    "tls": "its client program",
    "phone": "its phone number",
    "email": "its mailbox",
    "mail_domain": "its mail domain",
    "conversation": "a conversation",
    "conversation_in_org": "a conversation within its organisation",
    "ip": "a network address",
    "subnet": "a subnet",
    "asn": "a network operator",
    "org": "its organisation",
    "referral_code": "its referral code",
    "api_key": "an API key",
    "prompt_family": "a prompt template",
}


def reasons_of(look: Look) -> tuple[Reason, ...]:
    """At most MOST reasons by bits; hubs, with 0 bits, only where nothing else is shared."""
    return tuple(reason for reason, _ in placed_reasons(look))


def placed_reasons(look: Look) -> list[tuple[Reason, int]]:
    """The same, each with its row in what the account shares, or ABSENT where it is no identifier."""
    rows = look.now.rows
    facts = zip(
        look.now.types,
        rows.bits.tolist(),
        rows.others.tolist(),
        rows.confirmed_abusive.tolist(),
        rows.confirmed_benign.tolist(),
        strict=True,
    )
    shared = [(_shared(*one), place) for place, one in enumerate(facts)]
    strong = [one for one in shared if one[0].bits > 0] + [(reason, ABSENT) for reason in _labelled(look)]
    return sorted(strong or shared, key=lambda one: _strongest_first(one[0]))[:MOST]


def _strongest_first(reason: Reason) -> tuple[float, int, int]:
    return -reason.bits, -reason.shared_with_confirmed, -reason.shared_with


def cluster_of(look: Look, base: Base) -> RiskCluster | None:
    """The account's own cluster; else the one that the identifiers it shares tie it to, with JOIN_BITS or more."""
    if look.cluster != ABSENT:
        return base.clusters[look.cluster]
    ties: dict[int, dict[int, float]] = {}
    rows = look.now.rows
    for cluster, group, bits in zip(look.now.cluster, rows.group.tolist(), rows.bits.tolist(), strict=True):
        if cluster != ABSENT:
            groups = ties.setdefault(cluster, {})
            groups[group] = max(groups.get(group, 0.0), bits)
    totals = {cluster: sum(groups.values()) for cluster, groups in ties.items()}
    best = max(totals, key=lambda cluster: totals[cluster], default=ABSENT)
    return base.clusters[best] if best != ABSENT and totals[best] >= JOIN_BITS else None


def verdict_of(look: Look, probability: float, cluster: RiskCluster | None, by_rule: bool) -> Verdict:
    """What is said of an account of this `probability`. What people decided of it stands; `by_rule`, without a model,
    nothing else is known, as the rule's numbers are no measured probabilities."""
    if look.standing.abusive or look.standing.benign:
        return "abusive" if look.standing.abusive else "innocent"
    return "unknown" if by_rule else account_verdict(probability, cluster.verdict if cluster is not None else None)


def _shared(identifier_type: str, bits: float, others: int, abusive: int, benign: int) -> Reason:
    worth = round(bits, 2) if bits >= LEAST_BITS else 0.0
    what = SHARES.get(identifier_type, f"its {identifier_type.replace('_', ' ')}")
    who = "1 account" if others == 1 else f"{others:,} accounts"
    told = [
        f"{count:,} of them confirmed {word}" for count, word in ((abusive, "abusive"), (benign, "benign")) if count
    ]
    text = ", ".join([f"shares {what} with {who}", *told])
    if not worth:
        text += ": so many that it connects nobody" if others > 1 else ": too common to connect anybody"
    return Reason(f"shared_{identifier_type}", text, worth, identifier_type, others, abusive)


def _labelled(look: Look) -> list[Reason]:
    if look.standing.abusive:
        return [Reason("confirmed_abusive", "was itself confirmed abusive", LABEL_BITS, None, 0, 0)]
    if look.standing.benign:
        return [Reason("confirmed_benign", "was itself confirmed benign", LABEL_BITS, None, 0, 0)]
    return []
