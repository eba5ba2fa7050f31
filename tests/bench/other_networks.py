"""Networks and losses that the product's own are held against, on the same features, readout and held-out operators."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from gnn.dataset import NODE_FEATURES, Graph
from gnn.features import LINK_GROUPS
from gnn.model import TIES, AccountNetwork, Output, Shape
from gnn.sparse import Aggregate, softmax

_CLIP = 3.0
_HIDDEN_GROUPS = 0.25
_SLOPE = 0.2


class Decoupled(AccountNetwork):
    """Features carried once through each evidence group and tie, two hops over pairs, then a network without messages
    (SIGN, Frasca et al. 2020). What is carried is kept from step to step."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.rounds = nn.ModuleList()
        self.aggregate = Aggregate()
        names = [*LINK_GROUPS, *TIES, "two_pairs"]
        self.hops = nn.ModuleDict({name: nn.Linear(shape.features, shape.hidden, bias=False) for name in names})
        self.mix = nn.Sequential(nn.ReLU(), nn.Linear(shape.hidden, shape.hidden), nn.ReLU(), nn.Dropout(shape.dropout))
        self.norm = nn.LayerNorm(shape.hidden)
        self._carried: dict[int, tuple[Tensor, dict[str, Tensor]]] = {}

    def forward(self, graph: Graph) -> Output:
        x = ((graph.x - self.mean) / self.scale).clamp(-_CLIP, _CLIP)
        kept = self._columns(x)
        first: Tensor = self.encode(x * kept)
        out = first
        for name, carried in self._hops(graph, x).items():
            if not (self.training and torch.rand(()) < _HIDDEN_GROUPS):
                out = out + self.hops[name](carried * kept)
        h = self.norm(first + self.mix(out))
        logit = self.account(torch.cat([first, h], dim=1)).squeeze(1)
        return Output(logit, h, self.read(h, graph.cluster, graph.cluster_stats))

    def _columns(self, x: Tensor) -> Tensor:
        hidden = self.shape.hidden_features if self.training else 0.0
        return (torch.rand(x.shape[1], device=x.device) >= hidden) / (1.0 - hidden)

    def _hops(self, graph: Graph, x: Tensor) -> dict[str, Tensor]:
        key = id(graph.x)
        if key not in self._carried:
            with torch.no_grad():
                self._carried[key] = (graph.x, self._carry(graph, x))
        return self._carried[key][1]

    def _carry(self, graph: Graph, x: Tensor) -> dict[str, Tensor]:
        out = {name: self.aggregate(x, tie) for name, tie in graph.ties.items()}
        if "pair" in out:
            out["two_pairs"] = self.aggregate(out["pair"], graph.ties["pair"])
        if graph.shared is not None:
            met = self.aggregate(x, graph.shared.gather)
            for name, rows in graph.shared.rows.items():
                mine = torch.zeros_like(met)
                mine[rows] = met[rows]
                out[name] = self.aggregate(mine, graph.shared.spread)
        return out


class _Heard(nn.Module):
    """What rows hear of their neighbours by attention that reads both ends and the link's weight (GATv2, Brody et al.
    2022; edge features as in GAT-sep)."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.key = nn.Linear(hidden, hidden)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.edge = nn.Linear(1, hidden, bias=False)
        self.score = nn.Parameter(torch.randn(hidden) * 0.1)
        self.value = nn.Linear(hidden, hidden, bias=False)

    def forward(self, h: Tensor, said: Tensor, links: Tensor) -> Tensor:
        starts, place = links.crow_indices().long(), links.col_indices().long()
        row = torch.repeat_interleave(torch.arange(len(starts) - 1, device=h.device), starts.diff())
        met = self.key(said)[place] + self.query(h)[row] + self.edge(torch.log(links.values() + 1e-4)[:, None])
        weight = softmax(functional.leaky_relu(met, _SLOPE) @ self.score, row, num_nodes=len(h))
        value = self.value(said)
        return h.new_zeros(len(h), value.shape[1]).index_add(0, row, value[place] * weight[:, None])


class AttentiveRound(nn.Module):
    """One round in which an account attends to its identifiers of all groups at once, and to its ties."""

    def __init__(self, hidden: int, dropout: float) -> None:
        super().__init__()
        self.own = nn.Linear(hidden, hidden)
        self.gather = nn.ModuleDict({name: nn.Linear(hidden, hidden) for name in LINK_GROUPS})
        self.nodes = nn.Linear(len(NODE_FEATURES), hidden, bias=False)
        self.identifiers = _Heard(hidden)
        self.ties = nn.ModuleDict({name: _Heard(hidden) for name in TIES})
        self.aggregate = Aggregate()
        self.norm = nn.LayerNorm(hidden)
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, graph: Graph) -> Tensor:
        out = self.own(h)
        if graph.shared is not None:
            met = self.aggregate(h, graph.shared.gather)
            said = [
                torch.relu(self.gather[name](met[rows]) + self.nodes(graph.shared.nodes[rows]))
                * float(not (self.training and torch.rand(()) < _HIDDEN_GROUPS))
                for name, rows in graph.shared.rows.items()
            ]
            out = out + self.identifiers(h, torch.cat(said), graph.shared.spread)
        for name, tie in graph.ties.items():
            out = out + self.ties[name](h, h, tie)
        normed: Tensor = self.norm(h + self.dropout(torch.relu(out)))
        return normed


class Attentive(AccountNetwork):
    """Attention over links in place of gated means."""

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape)
        self.rounds = nn.ModuleList(AttentiveRound(shape.hidden, shape.dropout) for _ in range(shape.rounds))


def focal(logit: Tensor, abusive: Tensor, weight: Tensor) -> Tensor:
    """What is already told well counts less (Lin et al. 2017), with their exponent of 2."""
    each = functional.binary_cross_entropy_with_logits(logit, abusive, reduction="none")
    return (each * (1.0 - torch.exp(-each)) ** 2 * weight).sum()


def balanced(logit: Tensor, abusive: Tensor, weight: Tensor) -> Tensor:
    """Both classes count alike."""
    bad, good = weight * abusive, weight * (1.0 - abusive)
    even = 0.5 * (bad / bad.sum().clamp(min=1e-9) + good / good.sum().clamp(min=1e-9))
    return functional.binary_cross_entropy_with_logits(logit, abusive, weight=even, reduction="sum")


def non_negative_pu(logit: Tensor, abusive: Tensor, weight: Tensor) -> Tensor:
    """Accounts that are not known as abusive are a mixture, and their loss as innocents never falls below what chance
    leaves (Kiryo et al. 2017). Half as many again as are known are taken to be abusive."""
    bad, rest = weight * abusive, weight * (1.0 - abusive)
    share = (1.5 * bad.sum() / weight.sum().clamp(min=1e-9)).clamp(max=0.9)
    bad, rest = bad / bad.sum().clamp(min=1e-9), rest / rest.sum().clamp(min=1e-9)
    as_bad, as_good = functional.softplus(-logit), functional.softplus(logit)
    negative = (rest * as_good).sum() - share * (bad * as_good).sum()
    out: Tensor = share * (bad * as_bad).sum() + negative.clamp(min=0.0)
    return out
