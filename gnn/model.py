"""The graph neural network: heterogeneous message passing over accounts and the identifiers they share.

Each round goes account → identifier → account, in every evidence group on its own, then adds direct ties (in the
spirit of R-GCN, Schlichtkrull et al. 2018). An identifier weighs its own message by what it is (a gate over strength,
crowd and bursts), so a campus network can fall silent. A cluster is read out by attention over its members (Ilse et
al. 2018) beside its statistics; its distribution over kinds is what makes its probability, so the two never disagree.
All sizes come from the graph: accounts and groups never seen in training are served as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gnn.cluster_stats import CLUSTER_FEATURES
from gnn.dataset import NODE_FEATURES, Graph, SharedLinks
from gnn.features import LINK_GROUPS
from gnn.groups import ABUSIVE_KINDS, KINDS
from gnn.sparse import Aggregate, softmax

TIES = ("pair", "peer")
_CLIP = 3.0
_HIDDEN_GROUPS = 0.25


@dataclass(frozen=True)
class Shape:
    """Sizes of the network: hidden units, rounds of message passing, shares of units and of features dropped in
    training."""

    features: int
    hidden: int = 48
    rounds: int = 2
    dropout: float = 0.2
    hidden_features: float = 0.4


@dataclass(frozen=True)
class Output:
    """`account_logit` [N], `embedding` [N, hidden], `kind_logits` [C, 9]."""

    account_logit: Tensor
    embedding: Tensor
    kind_logits: Tensor


class GroupRound(nn.Module):
    """What the identifiers of one evidence group say, from the means over their accounts: [I, d] to [I, d]."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.gather = nn.Linear(hidden, hidden)
        self.own = nn.Linear(len(NODE_FEATURES), hidden, bias=False)
        self.gate = nn.Linear(len(NODE_FEATURES), 1)
        self.spread = nn.Linear(hidden, hidden, bias=False)

    def forward(self, accounts: Tensor, nodes: Tensor) -> Tensor:
        state = torch.relu(self.gather(accounts) + self.own(nodes))
        out: Tensor = self.spread(state * torch.sigmoid(self.gate(nodes)))
        return out


class Round(nn.Module):
    """One round over all groups and direct ties, with a residual: [N, d] to [N, d]."""

    def __init__(self, hidden: int, dropout: float) -> None:
        super().__init__()
        self.own = nn.Linear(hidden, hidden)
        self.groups = nn.ModuleDict({name: GroupRound(hidden) for name in LINK_GROUPS})
        self.ties = nn.ModuleDict({name: nn.Linear(hidden, hidden, bias=False) for name in TIES})
        self.aggregate = Aggregate()
        self.norm = nn.LayerNorm(hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, graph: Graph) -> Tensor:
        out = self.own(h)
        if graph.shared is not None:
            out += self._through_identifiers(h, graph.shared)
        for name, tie in graph.ties.items():
            out += self.ties[name](self.aggregate(h, tie))
        normed: Tensor = self.norm(h + self.dropout(out.relu_()))
        return normed

    def _through_identifiers(self, h: Tensor, links: SharedLinks) -> Tensor:
        """account → identifier → account over all groups at once, as two sparse products cost far less than two a
        group. In training, what some groups say is left out."""
        accounts = self.aggregate(h, links.gather)
        said = []
        for name, rows in links.rows.items():
            heard = not (self.training and torch.rand(()) < _HIDDEN_GROUPS)
            mine = accounts[rows]
            said.append(self.groups[name](mine, links.nodes[rows]) if heard else torch.zeros_like(mine))
        out: Tensor = self.aggregate(torch.cat(said), links.spread)
        return out


class Readout(nn.Module):
    """Clusters from their members: attention pooling, mean and statistics; [N, d] to [C, d]."""

    def __init__(self, hidden: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.Linear(hidden, hidden // 2), nn.Tanh(), nn.Linear(hidden // 2, 1))
        self.mix = nn.Sequential(nn.Linear(2 * hidden + len(CLUSTER_FEATURES), hidden), nn.ReLU(), nn.Dropout(dropout))

    def forward(self, h: Tensor, cluster: Tensor, stats: Tensor) -> Tensor:
        inside = torch.nonzero(cluster >= 0).squeeze(1)
        members, ordinal = h[inside], cluster[inside]
        weight = softmax(self.attention(members), ordinal, num_nodes=len(stats))
        zeros = h.new_zeros(len(stats), h.shape[1])
        size = torch.bincount(ordinal, minlength=len(stats)).clamp(min=1).unsqueeze(1)
        mean = zeros.index_add(0, ordinal, members) / size
        pooled = zeros.index_add(0, ordinal, members * weight)
        out: Tensor = self.mix(torch.cat([mean, pooled, stats], dim=1))
        return out


class AccountNetwork(nn.Module):
    """The whole network. `mean` and `scale` [F] standardise features; they belong to the weights."""

    mean: Tensor
    scale: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        hidden = shape.hidden
        self.shape = shape
        self.register_buffer("mean", torch.zeros(shape.features))
        self.register_buffer("scale", torch.ones(shape.features))
        self.encode = nn.Sequential(nn.Linear(shape.features, hidden), nn.ReLU(), nn.Dropout(shape.dropout))
        self.rounds = nn.ModuleList(Round(hidden, shape.dropout) for _ in range(shape.rounds))
        self.readout = Readout(hidden, shape.dropout)
        self.kinds = nn.Linear(hidden, len(KINDS))
        self.account = nn.Sequential(
            nn.Linear(2 * hidden, hidden), nn.ReLU(), nn.Dropout(shape.dropout), nn.Linear(hidden, 1)
        )

    def standardise(self, x: Tensor) -> None:
        """Take mean and scale from the features [N, F] of the training accounts."""
        scale = x.std(dim=0)
        self.mean.copy_(x.mean(dim=0))
        self.scale.copy_(torch.where(scale > 1e-6, scale, torch.ones_like(scale)))

    def _thinned(self, x: Tensor) -> Tensor:
        """In training, some columns are hidden from all accounts of a step, so that no verdict hangs on a few of them:
        what column sampling does for trees. A log of another making lacks or bends some, and the rest must carry."""
        if not self.training:
            return x
        kept = torch.rand(x.shape[1], device=x.device) >= self.shape.hidden_features
        return x * kept / (1.0 - self.shape.hidden_features)

    def forward(self, graph: Graph) -> Output:
        standard = (graph.x - self.mean).div_(self.scale).clamp_(-_CLIP, _CLIP)
        first: Tensor = self.encode(self._thinned(standard))
        h = first
        for step in self.rounds:
            h = step(h, graph)
        logit = self.account(torch.cat([first, h], dim=1)).squeeze(1)
        return Output(logit, h, self.read(h, graph.cluster, graph.cluster_stats))

    def read(self, h: Tensor, cluster: Tensor, stats: Tensor) -> Tensor:
        """Kind logits [C, 9] of clusters from the states [N, d] of accounts that are in `cluster` [N], -1 for none."""
        out: Tensor = self.kinds(self.readout(h, cluster, stats))
        return out


def abusive_logit(kind_logits: Tensor) -> Tensor:
    """[C, 9] to the log odds [C] that the kind is an abusive one."""
    split = len(ABUSIVE_KINDS)
    return torch.logsumexp(kind_logits[:, :split], dim=1) - torch.logsumexp(kind_logits[:, split:], dim=1)
