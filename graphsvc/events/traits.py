"""Coarse traits of a prompt while its text is in hand: the ability it calls on, how it elicits, how like a template.

Transparent on purpose: phrases of a readable lexicon and a few counts of shape go through a linear model with readable
weights (see lexicon). Neither the language nor who asks is a feature. A prompt that says too little is "unknown": a
missing word of one language costs an answer there, never a wrong one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba as nb
import numpy as np

from graphsvc.events.lexicon import AREAS, TECHNIQUES, UNKNOWN, Float32s, Lexicon, lexicon, weights
from graphsvc.events.record import Traits
from graphsvc.events.traits_scan import SHAPE, codes_of, scan
from graphsvc.events.types import Message

LEAST_PROBABILITY = 0.4
"""An area less likely than this is unknown: below it, guesses at prompts that were not fitted on are wrong as often as
right."""
SYSTEM_SHARE = 0.5
"""What a phrase of the system prompt counts beside one of the question: it often only says who answers."""
MAYBE_ENOUGH = 8
"""A technique without a sure phrase needs so many counts of others: two in the first words, or four at an edge."""
HEAD_CHARACTERS, TAIL_CHARACTERS = 6_000, 2_000
"""What is read of a long text: the demand stands at its head or its tail."""
AGENT_TOOL_MESSAGES = 4
"""A conversation with so many answers of tools, and no plainer aim, is an agent at work."""


class TraitReader:
    """Reads traits with the lexicon and weights that the package ships; equal texts have equal traits everywhere."""

    def __init__(self) -> None:
        self._lexicon = lexicon()
        self._weights = weights()

    def of_messages(self, messages: Sequence[Message], tools: int = 0) -> Traits:
        """Traits of what a request asks: its last user message, and its system prompt at a discount.

        `tools` is the number of tools that the request offers.
        """
        hits, techniques = features_of(messages, self._lexicon)
        area, templated = _judge(hits, self._weights.area, self._weights.templated, self._lexicon.groups)
        name = AREAS[area] if area >= 0 else UNKNOWN
        answers = [message.role for message in messages].count("tool")
        if answers >= AGENT_TOOL_MESSAGES and name in (UNKNOWN, "tool_use"):
            name = "agents"
        elif (answers or tools) and name == UNKNOWN:
            name = "tool_use"
        return Traits(name, techniques, round(templated, 3))


def features_of(messages: Sequence[Message], known: Lexicon) -> tuple[Float32s, int]:
    """Features float32[len(known.features)] of what a request asks, and the mask of its techniques.

    Counts of phrases are as log(1 + n): a second phrase says less than the first.
    """
    user = next((m.content for m in reversed(messages) if m.role == "user"), "")
    system = next((m.content for m in messages if m.role == "system"), "")
    found = scan(codes_of(_read(user or system)), known.phrases)
    if user and system:
        more = scan(codes_of(_read(system)), known.phrases)
        found[: -len(SHAPE)] += np.float32(SYSTEM_SHARE) * more[: -len(SHAPE)]
    return _features(found, known.groups), _techniques(found[known.groups : -len(SHAPE)].tolist())


def _read(text: str) -> str:
    if len(text) <= HEAD_CHARACTERS + TAIL_CHARACTERS:
        return text
    return f"{text[:HEAD_CHARACTERS]}\n{text[-TAIL_CHARACTERS:]}"


def _techniques(hits: list[float]) -> int:
    """The mask of techniques: by one sure phrase, or by two that may be in the first words, four at an edge."""
    mask = 0
    for bit in range(len(TECHNIQUES)):
        surely, maybe = hits[2 * bit], hits[2 * bit + 1]
        if surely > 0 or maybe >= MAYBE_ENOUGH:
            mask |= 1 << bit
    return mask


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _features(found: Float32s, groups: int) -> Float32s:
    features = np.empty(groups + len(SHAPE), np.float32)
    features[:groups] = np.log1p(found[:groups])
    features[groups:] = found[found.size - len(SHAPE) :]
    return features


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _judge(features: Float32s, area: Float32s, templated: Float32s, groups: int) -> tuple[int, float]:
    """The likeliest area (-1 for unknown), and how template-like (0 to 1)."""
    last = features.size
    scores = np.empty(area.shape[1], np.float64)
    scores[:] = area[last]
    template = np.float64(templated[last])
    named = False
    for place in range(last):
        value = np.float64(features[place])
        if value == 0:
            continue
        named = named or place < groups - 1
        template += value * templated[place]
        for one in range(scores.size):
            scores[one] += value * area[place, one]
    best = int(np.argmax(scores))
    odds = 0.0
    for score in scores:
        odds += np.exp(score - scores[best])
    if not named or 1 / odds < LEAST_PROBABILITY:
        best = -1
    return best, 1 / (1 + np.exp(-template))
