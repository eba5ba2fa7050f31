"""Rules as a fraud team writes them without a model: points for what accounts share, less for what explains it.

All points are bits, so that they add up with the pairs' own. Nothing here is fitted to any log or world; each number
says in words why it is what it is. An account's own label plays no part, as with the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gnn.groups import GROUPS
from gnn.judgement import Judgement, cluster_means
from gnn.labels import Known, known
from gnn.network import Network, column

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

DAY_MS = 86_400_000

LIMIT_BITS = 20.0
"""From here on an account is accused: two rare things shared (about 12 bits each where two of 10,000 hold them), less
a little for age; one alone has an innocent story."""
TIE_MAX_BITS = 24.0
"""Two rare things are proof; a third adds nothing, or a family that shares all it has would outweigh any ring."""
ONE_STORY_SHARE = 0.5
"""A pair counts half where one story covers it: one kind of evidence alone (a used telephone, a template found in a
forum), or nothing but a place (network, mail, organisation and referral go together wherever people work or learn)."""
CROWD_BITS, CROWD_MAX_BITS = 2.0, 8.0
"""For each doubling of the number of accounts tied by more than one story; 16 of them are no family."""
COMBINATION_BITS = 6.0
"""Two of device, payment, telephone, key and conversation in one pair: what nobody shares by chance."""
CONVERSATION_BITS = 6.0
"""Who continues another account's conversation was handed its history, as a relay does; it needs no third person."""
BURST_BITS, BURST_ACCOUNTS = 4.0, 3
"""Three such accounts made within a day of this one; friends follow each other over weeks."""
CONFIRMED_BITS = 4.0
"""Tied to an account that was confirmed abusive; one may have been stolen from its owner."""
MANY_CONFIRMED, MANY_CONFIRMED_BITS = 3, 12.0
"""Tied to three of them: with an identifier that they used, enough by itself, whatever else explains the ties."""
LISTED_SHARE, LISTED_ACCOUNTS, LISTED_MAX_BITS = 0.25, 2, 12.0
"""An identifier is as good as listed when two and a quarter of the other accounts that have it were confirmed abusive;
its own bits count."""
CHARGED_BACK_BITS, DECLINED_BITS, PREPAID_BITS = 4.0, 2.0, 1.0
"""How an account pays: a payment charged back; most payments declined, as when cards are tried; prepaid cards only,
which many who have no bank use."""

EXPLAINED = 0.5
"""Each innocent explanation that fits halves what the ties say: one leaves the strongest just short of an accusation,
two leave nothing to accuse of. What was confirmed is not explained away."""
HOUSEHOLD_ACCOUNTS = 5
"""A family, or one person with a second account, shares device, card and address."""
CARRIER_ACCOUNTS = 128
"""An address of so many accounts is a carrier's or a campus's gateway."""

HARD_GROUPS = ("device", "payment", "phone", "key", "conversation")
PLACE_GROUPS = ("network", "mail", "org", "referral")
ACADEMIC_LABELS = ("edu", "ac")


@dataclass(frozen=True)
class Pairs:
    """Pairs within clusters, in both directions: `account` and `other` int64[E], `bits` float32[E], `groups`
    int64[E] masks whose bit g stands for GROUPS[g]."""

    account: Ints
    other: Ints
    bits: Floats
    groups: Ints


def by_rules(network: Network) -> Judgement:
    """Points of each account, as points / (points + LIMIT_BITS); a cluster's are the mean of its members'."""
    evidence, pairs = known(network), _pairs(network)
    bad = np.bincount(pairs.account, evidence.bad[pairs.other], minlength=network.account_count)
    ties = _ties(network, pairs) + CONFIRMED_BITS * (bad >= 0.5)
    confirmed = MANY_CONFIRMED_BITS * (bad >= MANY_CONFIRMED - 0.5) + _listed(network, evidence)
    points = ties * EXPLAINED ** _explanations(network, pairs, evidence) + confirmed + _payment(network)
    points = points.astype(np.float32)
    clusters = cluster_means(points, network.clusters, network.cluster_count)
    return Judgement(_share(points), _share(clusters))


def _share(points: Floats) -> Floats:
    return (points / (points + LIMIT_BITS)).astype(np.float32)


def _pairs(network: Network) -> Pairs:
    a, b = column(network.pairs, "a", np.int64), column(network.pairs, "b", np.int64)
    bits, groups = column(network.pairs, "bits", np.float32), column(network.pairs, "groups", np.int64)
    inside = (network.clusters[a] >= 0) & (network.clusters[a] == network.clusters[b])
    a, b, bits, groups = a[inside], b[inside], bits[inside], groups[inside]
    return Pairs(
        np.concatenate([a, b]), np.concatenate([b, a]), np.concatenate([bits, bits]), np.concatenate([groups, groups])
    )


def _ties(network: Network, pairs: Pairs) -> Floats:
    """Points for what an account shares with others of its cluster."""
    count, created = network.account_count, column(network.accounts, "created_ms", np.int64)
    strong = (np.bitwise_count(pairs.groups) > 1) & ((pairs.groups & ~_mask(*PLACE_GROUPS)) > 0)
    best = np.zeros(count)
    worth = np.minimum(pairs.bits * np.where(strong, 1.0, ONE_STORY_SHARE), TIE_MAX_BITS)
    np.maximum.at(best, pairs.account, worth)
    tied = np.bincount(pairs.account[strong], minlength=count)
    near = strong & (np.abs(created[pairs.account] - created[pairs.other]) <= DAY_MS)
    hard = np.bitwise_count(pairs.groups & _mask(*HARD_GROUPS)) > 1
    conversation = (pairs.groups & _mask("conversation")) > 0
    points = best + np.minimum(CROWD_BITS * np.log2(np.maximum(tied, 1)), CROWD_MAX_BITS)
    points += COMBINATION_BITS * _any(pairs, hard, count)
    points += CONVERSATION_BITS * _any(pairs, conversation, count)
    points += BURST_BITS * (np.bincount(pairs.account[near], minlength=count) >= BURST_ACCOUNTS)
    return np.asarray(points, dtype=np.float32)


def _listed(network: Network, evidence: Known) -> Floats:
    """Points for an identifier that confirmed abusive accounts used."""
    account, identifier = column(network.links, "account", np.int64), column(network.links, "identifier", np.int64)
    degree = column(network.identifiers, "degree", np.int64)
    bad = np.bincount(identifier, evidence.bad[account], minlength=len(degree))
    others = bad[identifier] - evidence.bad[account]
    listed = others >= np.maximum(LISTED_SHARE * (degree[identifier] - 1), LISTED_ACCOUNTS - 0.5)
    out = np.zeros(network.account_count, dtype=np.float32)
    bits = column(network.identifiers, "bits", np.float32)[identifier]
    np.maximum.at(out, account[listed], np.minimum(bits[listed], LISTED_MAX_BITS))
    return out


def _payment(network: Network) -> Floats:
    accounts = network.accounts
    points = CHARGED_BACK_BITS * (column(accounts, "charged_back_share", np.float32) > 0)
    points += DECLINED_BITS * (column(accounts, "declined_share", np.float32) > 0.5)
    points += PREPAID_BITS * (column(accounts, "prepaid_share", np.float32) >= 1.0)
    return points.astype(np.float32)


def _explanations(network: Network, pairs: Pairs, evidence: Known) -> Ints:
    """int64[N]: how many innocent reasons to look alike fit, of the account's cluster and of its own ties."""
    count, clusters = network.account_count, network.clusters
    size = np.bincount(clusters[clusters >= 0], minlength=network.cluster_count)
    of_cluster = sum(reason.astype(np.int64) for reason in (size <= HOUSEHOLD_ACCOUNTS, *_institutions(network)))
    tied = _any(pairs, pairs.groups > 0, count)
    network_alone = tied & ~_any(pairs, (pairs.groups & ~_mask("network")) > 0, count)
    bad, good = (np.bincount(pairs.account, by[pairs.other], minlength=count) for by in (evidence.bad, evidence.good))
    cleared = (good >= 0.5) & (good > bad)
    return np.asarray(np.append(of_cluster, 0)[clusters] + network_alone + cleared, dtype=np.int64)


def _institutions(network: Network) -> tuple[Bools, ...]:
    """bool[C] each: clusters half of which and more share an organisation; such of them as have no card at all, being
    billed as one; half of which have university mail; half of which come through a carrier's gateway."""
    organised = _most_share(network, _of_type(network, "org"))
    carded = _members(network, _of_type(network, "instrument", "bin")) > 0
    crowded = column(network.identifiers, "degree", np.int64) > CARRIER_ACCOUNTS
    return (
        organised,
        organised & ~carded,
        _members(network, _academic(network)) >= 0.5,
        _members(network, _of_type(network, "ip") & crowded) >= 0.5,
    )


def _mask(*groups: str) -> int:
    return sum(1 << GROUPS.index(name) for name in groups)


def _any(pairs: Pairs, chosen: Bools, count: int) -> Bools:
    """bool[N]: accounts with one of the chosen pairs."""
    out = np.zeros(count, dtype=np.bool_)
    out[pairs.account[chosen]] = True
    return out


def _of_type(network: Network, *types: str) -> Bools:
    names = network.identifiers["type"].to_numpy(zero_copy_only=False)
    return np.asarray(np.isin(names, types), dtype=np.bool_)


def _academic(network: Network) -> Bools:
    """Mail domains whose last labels say that they are a school's, as in example.edu and example.ac.uk."""
    labels = [set(name.lower().split(".")[-2:]) for name in network.identifiers["id"].to_pylist()]
    return _of_type(network, "mail_domain") & np.fromiter(
        (bool(one & set(ACADEMIC_LABELS)) for one in labels), np.bool_, len(labels)
    )


def _members(network: Network, identifiers: Bools) -> Floats:
    """float32[C]: the share of each cluster's members that have one of the chosen identifiers."""
    holders = np.zeros(network.account_count, dtype=np.float32)
    chosen = identifiers[column(network.links, "identifier", np.int64)]
    holders[column(network.links, "account", np.int64)[chosen]] = 1.0
    return cluster_means(holders, network.clusters, network.cluster_count)


def _most_share(network: Network, identifiers: Bools) -> Bools:
    """bool[C]: clusters of which half the members and more have one and the same of the chosen identifiers."""
    account, identifier = column(network.links, "account", np.int64), column(network.links, "identifier", np.int64)
    cluster = network.clusters[account]
    chosen = identifiers[identifier] & (cluster >= 0)
    both, held = np.unique(np.stack([cluster[chosen], identifier[chosen]], axis=1), axis=0, return_counts=True)
    most = np.zeros(network.cluster_count, dtype=np.int64)
    np.maximum.at(most, both[:, 0], held)
    size = np.bincount(network.clusters[network.clusters >= 0], minlength=network.cluster_count)
    return np.asarray((2 * most >= size) & (most > 0), dtype=np.bool_)
