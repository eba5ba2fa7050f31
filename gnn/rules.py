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
ONE_GROUP_SHARE = 0.5
"""A pair with one kind of evidence alone counts half: a used telephone, a café, a template found in a forum."""
CROWD_BITS, CROWD_MAX_BITS = 2.0, 8.0
"""For each doubling of the number of accounts tied to this one; 16 tied accounts are no family."""
COMBINATION_BITS = 6.0
"""Two of device, payment, telephone, key and conversation in one pair: what nobody shares by chance."""
CONVERSATION_BITS = 6.0
"""Who continues another account's conversation was handed its history, as a relay does; it needs no third person."""
BURST_BITS, BURST_ACCOUNTS = 4.0, 3
"""Three tied accounts made within a day of this one; friends follow each other over weeks."""
CONFIRMED_BITS, CONFIRMED_MORE_BITS = 8.0, 4.0
"""Tied to an account that was confirmed abusive; and more for three of them."""
LISTED_SHARE = 0.25
"""An identifier is as good as listed when a quarter of the other accounts that have it were confirmed abusive; its own
bits count."""
LISTED_MAX_BITS = 12.0
CHARGED_BACK_BITS, DECLINED_BITS, PREPAID_BITS = 4.0, 2.0, 1.0
"""How an account pays: a payment charged back; most payments declined, as when cards are tried; prepaid cards only,
which many who have no bank use."""

HOUSEHOLD_BITS, HOUSEHOLD_ACCOUNTS = 12.0, 5
"""A family, or one person with a second account, shares device, card and address: that explains one rare thing."""
ORGANISATION_BITS = 14.0
"""One organisation for half of the cluster: its members share offices, mail, payer and working hours."""
INVOICE_BITS = 4.0
"""No card in the whole organisation: it is billed as one, and a provider knows whom it bills."""
ACADEMIC_BITS = 10.0
"""University mail for half of the cluster: a campus, a class; yet entry programmes for schools are abused too."""
NETWORK_ALONE_BITS = 10.0
"""Nothing but a network connects the account: an office, a café, a carrier."""
CARRIER_BITS, CARRIER_ACCOUNTS = 4.0, 128
"""Half of the cluster comes from an address of so many accounts: a carrier's or a campus's gateway."""
CLEARED_BITS = 8.0
"""Tied to more accounts that were found innocent than to abusive ones."""

HARD_GROUPS = ("device", "payment", "phone", "key", "conversation")
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
    evidence = known(network)
    points = _ties(network) + _known(network, evidence) + _payment(network) - _explained(network, evidence)
    points = np.maximum(points, 0.0).astype(np.float32)
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


def _ties(network: Network) -> Floats:
    """Points for what an account shares with others of its cluster."""
    pairs, count = _pairs(network), network.account_count
    worth = np.minimum(pairs.bits * np.where(np.bitwise_count(pairs.groups) > 1, 1.0, ONE_GROUP_SHARE), TIE_MAX_BITS)
    best = np.zeros(count)
    np.maximum.at(best, pairs.account, worth)
    tied = np.bincount(pairs.account, minlength=count)
    created = column(network.accounts, "created_ms", np.int64)
    near = np.abs(created[pairs.account] - created[pairs.other]) <= DAY_MS
    hard = np.bitwise_count(pairs.groups & _mask(*HARD_GROUPS)) > 1
    conversation = (pairs.groups & _mask("conversation")) > 0
    points = best + np.minimum(CROWD_BITS * np.log2(np.maximum(tied, 1)), CROWD_MAX_BITS)
    points += COMBINATION_BITS * _any(pairs, hard, count)
    points += CONVERSATION_BITS * _any(pairs, conversation, count)
    points += BURST_BITS * (np.bincount(pairs.account[near], minlength=count) >= BURST_ACCOUNTS)
    return np.asarray(points, dtype=np.float32)


def _known(network: Network, evidence: Known) -> Floats:
    """Points for confirmed abusive neighbours, and for identifiers that such accounts used."""
    pairs, count = _pairs(network), network.account_count
    bad = np.bincount(pairs.account, evidence.bad[pairs.other], minlength=count)
    points = CONFIRMED_BITS * (bad >= 0.5) + CONFIRMED_MORE_BITS * (bad >= 2.5)
    return np.asarray(points + _listed(network, evidence), dtype=np.float32)


def _listed(network: Network, evidence: Known) -> Floats:
    account, identifier = column(network.links, "account", np.int64), column(network.links, "identifier", np.int64)
    degree = column(network.identifiers, "degree", np.int64)
    bad = np.bincount(identifier, evidence.bad[account], minlength=len(degree))
    others = np.maximum(degree[identifier] - 1, 1)
    listed = (bad[identifier] - evidence.bad[account]) / others >= LISTED_SHARE
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


def _explained(network: Network, evidence: Known) -> Floats:
    """Points for innocent reasons to look alike: those of the cluster, then the account's own."""
    pairs, count, clusters = _pairs(network), network.account_count, network.clusters
    size = np.bincount(clusters[clusters >= 0], minlength=network.cluster_count)
    organised = _most_share(network, _of_type(network, "org"))
    carded = _share_of_members(network, _holders(network, _of_type(network, "instrument", "bin"))) > 0
    crowded = _of_type(network, "ip", "subnet") & (column(network.identifiers, "degree", np.int64) > CARRIER_ACCOUNTS)
    of_cluster = HOUSEHOLD_BITS * (size <= HOUSEHOLD_ACCOUNTS) + ORGANISATION_BITS * organised
    of_cluster += INVOICE_BITS * (organised & ~carded)
    of_cluster += ACADEMIC_BITS * (_share_of_members(network, _holders(network, _academic(network))) >= 0.5)
    of_cluster += CARRIER_BITS * (_share_of_members(network, _holders(network, crowded)) >= 0.5)
    alone = (_any(pairs, pairs.groups > 0, count)) & ~_any(pairs, (pairs.groups & ~_mask("network")) > 0, count)
    bad, good = (
        np.bincount(pairs.account, part[pairs.other], minlength=count) for part in (evidence.bad, evidence.good)
    )
    own = NETWORK_ALONE_BITS * alone + CLEARED_BITS * ((good >= 0.5) & (good > bad))
    return np.asarray(np.append(of_cluster, 0.0)[clusters] + own, dtype=np.float32)


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


def _holders(network: Network, identifiers: Bools) -> Bools:
    """bool[N]: accounts that have one of the chosen identifiers."""
    out = np.zeros(network.account_count, dtype=np.bool_)
    chosen = identifiers[column(network.links, "identifier", np.int64)]
    out[column(network.links, "account", np.int64)[chosen]] = True
    return out


def _share_of_members(network: Network, accounts: Bools) -> Floats:
    return cluster_means(accounts.astype(np.float32), network.clusters, network.cluster_count)


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
