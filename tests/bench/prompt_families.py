"""Families of prompts and accounts that send them, made from public prompts by means that the matcher knows nothing of.

Frames are sentences of public role prompts and tool descriptions, contents are public problems and tasks, code among
them. A case changes prompts of one frame in one way: other contents in its slots, words replaced and sentences moved,
a wrapper, a cut, characters that look alike or are not seen, another script. Beside them stand prompts that have
nothing to do with each other, and accounts of innocents who use a vendor's prompt, a benchmark or a class's exercises.
"""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

CASES = ("slots", "paraphrase", "reordered", "wrapper", "truncated", "hidden", "script", "code", "mixed")
SYNONYM_PAIRS = """
want/need write/compose provide/give explain/describe answer/reply short/brief use/employ make/create following/below
need/require should/must will/shall question/query text/passage only/just person/individual information/details
help/assist create/produce suggest/propose first/initial act/behave like/as main/principal important/significant
list/enumerate each/every story/tale show/display good/fine also/additionally response/answer expert/specialist
ensure/guarantee include/contain detailed/thorough user/client task/job using/with words/terms begin/start
useful/helpful input/entry based/built specific/particular about/regarding
"""
SYNONYMS = dict(re.findall(r"(\w+)/(\w+)", SYNONYM_PAIRS))
LOOK_ALIKE = str.maketrans("aeopcxyiAEOPCXBHKMT", "аеорсхуіАЕОРСХВНКМТ")
UNSEEN = "\u200b\u200c\u200d\u2060\u00ad\ufeff\u034f"
SCRIPTS = {
    "cyrillic": "абвгдежзиклмнопрстуфхцчшыья",
    "greek": "αβγδεζηθικλμνξοπρστυφχψω",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "devanagari": "अआइईउऊएऐओऔकखगघचछजझटठडढणतथदधनपफबभमयरलवशषसह",
    "hangul": "가나다라마바사아자차카타파하고노도로모보소오조초코토포호",
}
UNSPACED = {"han": range(0x4E00, 0x8E00), "thai": range(0x0E01, 0x0E2F), "kana": range(0x3042, 0x3094)}


@dataclass(frozen=True)
class Texts:
    """`frames`: sentences for templates, `habits`: others that innocents write; `contents`: what goes into slots, `others`: more
    of that sort; `code`: programs; `problems`: a benchmark; `facts`: its sentences one by one."""

    frames: list[str]
    habits: list[str]
    contents: list[str]
    others: list[str]
    code: list[str]
    problems: list[str]
    facts: list[str]


class Deck:
    """Sentences for templates, each dealt once, so that two templates have none in common."""

    def __init__(self, texts: Texts, seed: int) -> None:
        self._left = random.Random(seed).sample(texts.frames, len(texts.frames))

    def deal(self, count: int) -> list[str]:
        dealt, self._left = self._left[:count], self._left[count:]
        if len(dealt) < count:
            raise ValueError("fewer sentences than the templates asked for need")
        return dealt


@dataclass(frozen=True)
class Sent:
    """A prompt, the case it belongs to, and its family there (-1 where it has none)."""

    case: str
    family: int
    text: str


@dataclass(frozen=True)
class Account:
    """An account's prompts; `ring` -1 for an innocent, whose `case` says what he resembles."""

    case: str
    ring: int
    prompts: list[str]


def texts_of(folder: Path) -> Texts:
    """The public prompts of a folder. Raises OSError where a file is missing."""
    with (folder / "awesome_prompts_2023.csv").open(encoding="utf-8", newline="") as file:
        roles = [row["prompt"] for row in csv.DictReader(file)]
    played = _instructions(folder / "gpteacher_roleplay.json")
    tools = _instructions(folder / "gpteacher_toolformer.json")
    programs = json.loads((folder / "gpteacher_codegen.json").read_text(encoding="utf-8"))
    arena = [json.loads(line)["turns"][0]["content"] for line in (folder / "arena_hard.jsonl").open(encoding="utf-8")]
    files = ("gsm8k_train.jsonl", "gsm8k_test.jsonl")
    problems = [json.loads(line)["question"] for name in files for line in (folder / name).open(encoding="utf-8")]
    frames = [sentence for text in [*roles, *played, *tools[:400]] for sentence in sentences(text)]
    frames = _unlike(sorted({one for one in frames if 6 <= len(one.split()) <= 40}))
    contents = sorted({*problems, *(text for text in arena if len(text) < 3000)})
    code = sorted({one["response"] for one in programs if len(one["response"]) > 80})
    facts = sorted({one for text in problems for one in sentences(text) if len(one.split()) > 5})
    return Texts(frames[::2], frames[1::2], contents[::2], contents[1::2], code, problems, facts)


def sentences(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+", text) if part.strip()]


def _unlike(given: Sequence[str]) -> list[str]:
    """Sentences without those that are for the greater part in earlier ones."""
    seen: set[tuple[str, ...]] = set()
    kept: list[str] = []
    for sentence in given:
        words = sentence.lower().split()
        runs = {tuple(words[start : start + 3]) for start in range(len(words) - 2)}
        if 2 * len(runs & seen) < len(runs):
            kept.append(sentence)
        seen |= runs
    return kept


def sent_prompts(texts: Texts, families: int, size: int, strangers: int, seed: int) -> list[Sent]:
    """`families` of `size` prompts for every case, and `strangers` that belong to none; shuffled.

    Some more strangers, `quoted`, are whole texts that also stand in slots of families.
    """
    deck = Deck(texts, seed)
    out: list[Sent] = []
    for case in CASES:
        for family in range(families):
            rng = random.Random(f"{seed} {case} {family}")
            out.extend(Sent(case, family, text) for text in _family(case, deck.deal(6), texts, rng, size))
    rng = random.Random(f"{seed} strangers")
    out.extend(Sent("stranger", -1, text) for text in rng.sample(texts.others, strangers))
    out.extend(Sent("quoted", -1, text) for text in rng.sample(texts.contents, strangers // 8))
    rng.shuffle(out)
    return out


def accounts(texts: Texts, prompts: int, rings: int, innocents: int, seed: int) -> list[Account]:
    """Rings of four accounts that send one hidden template each, and innocents of five sorts; shuffled."""
    deck = Deck(texts, seed)
    out: list[Account] = []
    for case, ring_of in RINGS.items():
        for ring in range(rings):
            rng = random.Random(f"{seed} {case} {ring}")
            send = ring_of(texts, deck, rng)
            out.extend(Account(case, ring, [send() for _ in range(prompts)]) for _ in range(4))
    for case, sender_of in INNOCENTS.items():
        rng = random.Random(f"{seed} {case}")
        out.extend(Account(case, -1, send_all) for send_all in sender_of(texts, rng, prompts, innocents))
    random.Random(seed).shuffle(out)
    return out


def _instructions(path: Path) -> list[str]:
    return [one["instruction"] for one in json.loads(path.read_text(encoding="utf-8"))]


def _stranger(texts: Texts, rng: random.Random) -> str:
    """A prompt that nobody else writes: sentences put together, at times beside some code."""
    parts = rng.sample(texts.facts, rng.randrange(2, 8))
    if rng.random() < 0.3:
        parts = [rng.choice(texts.habits), *parts]
    if rng.random() < 0.2:
        parts.append(_clipped(rng.choice(texts.code), 40, rng))
    return "\n".join(parts)


def _family(case: str, frame: list[str], texts: Texts, rng: random.Random, size: int) -> Iterator[str]:
    scripts = [*SCRIPTS, *UNSPACED]
    script = rng.choice(scripts)
    harness = _clipped(rng.choice(texts.code), 50, rng)
    for _ in range(size):
        content = _clipped(rng.choice(texts.contents), 25, rng)
        text = _filled(frame, content, 3)
        match case:
            case "paraphrase":
                text = _filled([_paraphrased(one, rng, 0.6) for one in frame], content, 3)
            case "reordered":
                text = _filled(rng.sample(frame, 5), content, rng.randrange(6))
            case "wrapper":
                text = _wrapped(text, rng)
            case "truncated":
                text = _cut(_filled(frame, frame[0], 3), rng)
            case "hidden":
                text = _hidden(text, rng)
            case "script":
                text = _in_script(text, script)
            case "code":
                text = _with_code(frame[:4], harness, rng.choice(texts.code), rng)
            case "mixed":
                text = _hidden(_wrapped(_filled([_paraphrased(one, rng, 0.2) for one in frame], content, 3), rng), rng)
        yield text


def _filled(frame: Sequence[str], content: str, place: int) -> str:
    return " ".join([*frame[:place], content, *frame[place:]])


def _clipped(text: str, words: int, rng: random.Random) -> str:
    parts = text.split()
    start = rng.randrange(max(len(parts) - words, 0) + 1)
    return " ".join(parts[start : start + words])


def _paraphrased(sentence: str, rng: random.Random, share: float) -> str:
    """Words of the table replaced by their neighbours, and here and there one left out or one put in."""
    words = []
    for word in sentence.split():
        bare = word.strip(".,").lower()
        if bare in SYNONYMS and rng.random() < share:
            word = SYNONYMS[bare] + word[len(word.rstrip(".,")) :]
        elif rng.random() < share * 0.08:
            continue
        words.append(word)
        if rng.random() < share * 0.05:
            words.append(rng.choice(["please", "now", "really", "clearly", "then"]))
    return " ".join(words)


def _wrapped(text: str, rng: random.Random) -> str:
    token = f"{rng.getrandbits(64):016x}"
    wrappers: list[Callable[[str], str]] = [
        lambda one: f"```\n{one}\n```",
        lambda one: f"<request id='{token}' lang=\"en\">\n{one}\n</request>",
        lambda one: json.dumps({"id": token, "messages": [{"role": "user", "content": one}], "temperature": 0.7}),
        lambda one: f"### Instruction:\n{one}\n\n### Response:",
        lambda one: f"<|im_start|>user\n{one}<|im_end|>\n<|im_start|>assistant",
        lambda one: f"User: {one}\nAssistant:",
        lambda one: "\n".join("> " + line for line in re.sub(r"(.{60}\S*) ", r"\1\n", one).split("\n")),
        lambda one: f"“{one}”  [job {rng.randrange(10**6)} of {rng.randrange(10**6)}, see https://x.example/{token}]",
        lambda one: f"[INST] {one} [/INST]",
    ]
    return rng.choice(wrappers)(text)


def _cut(text: str, rng: random.Random) -> str:
    words = text.split()
    kept = int(len(words) * rng.uniform(0.55, 1.0))
    start = 0 if rng.random() < 0.7 else len(words) - kept
    return " ".join(words[start : start + kept])


def _hidden(text: str, rng: random.Random) -> str:
    """Unseen characters within words, letters of another script that look the same, odd spaces."""
    words = []
    for word in text.split(" "):
        if len(word) > 3 and rng.random() < 0.4:
            place = rng.randrange(1, len(word))
            word = word[:place] + rng.choice(UNSEEN) + word[place:]
        if len(word) > 3 and rng.random() < 0.4:
            place = rng.randrange(len(word))
            word = word[:place] + word[place].translate(LOOK_ALIKE) + word[place + 1 :]
        if word.isascii() and word.isalpha() and rng.random() < 0.1:
            word = "".join(chr(ord(letter) + 0xFEE0) for letter in word)
        words.append(word)
    return "".join(word + rng.choice([" ", " ", "  ", "\u00a0", "\u2003", "\n"]) for word in words)


def _in_script(text: str, script: str) -> str:
    """Every word by one of another script, always the same: what a translation into it looks like to a counter."""
    words = [_foreign(word, script) for word in text.lower().split()]
    return ("" if script in UNSPACED else " ").join(words)


def _foreign(word: str, script: str) -> str:
    digest = blake2b(word.encode(), digest_size=8).digest()
    if script in UNSPACED:
        letters = UNSPACED[script]
        count = 1 + digest[0] % 2 if script == "han" else 2 + digest[0] % 4
        return "".join(chr(letters[(digest[at + 1] * 256 + digest[at]) % len(letters)]) for at in range(count))
    letter = SCRIPTS[script]
    return "".join(letter[digest[at] % len(letter)] for at in range(2 + digest[0] % 5))


def _with_code(frame: Sequence[str], harness: str, code: str, rng: random.Random) -> str:
    """A frame of sentences and of a program's code, `harness`, around code that changes."""
    return f"{' '.join(frame)}\n```python\n{_clipped(code, 30, rng)}\n\n{harness}\n```"


def _hidden_template(texts: Texts, deck: Deck, rng: random.Random) -> Callable[[], str]:
    """Long contents in the middle of three or four sentences: the frame is the smaller part."""
    frame = deck.deal(rng.randrange(3, 5))
    return lambda: _filled(frame, "\n".join(rng.sample(texts.facts, rng.randrange(4, 10))), 2)


def _variants(texts: Texts, deck: Deck, rng: random.Random) -> Callable[[], str]:
    """Each sentence of the frame in one of two wordings, and a wrapper."""
    pairs = [(one, _paraphrased(one, rng, 0.6)) for one in deck.deal(5)]

    def send() -> str:
        frame = [rng.choice(pair) for pair in pairs]
        return _wrapped(_filled(frame, "\n".join(rng.sample(texts.facts, 7)), 3), rng)

    return send


def _half_cover(texts: Texts, deck: Deck, rng: random.Random) -> Callable[[], str]:
    """Every second prompt is an ordinary one."""
    send = _hidden_template(texts, deck, rng)
    return lambda: send() if rng.random() < 0.5 else _stranger(texts, rng)


def _several(texts: Texts, deck: Deck, rng: random.Random) -> Callable[[], str]:
    senders = [_hidden_template(texts, deck, rng) for _ in range(3)]
    return lambda: rng.choice(senders)()


def _under_vendor(texts: Texts, deck: Deck, rng: random.Random) -> Callable[[], str]:
    """A hidden template under a system prompt that many innocents have too."""
    vendor, send = _vendor(texts, 0), _hidden_template(texts, deck, rng)
    return lambda: f"{vendor}\n{send()}"


def _coded(texts: Texts, deck: Deck, rng: random.Random) -> Callable[[], str]:
    frame = deck.deal(3)
    return lambda: f"{frame[0]} {frame[1]}\n```\n{rng.choice(texts.code)}\n```\n{frame[2]}"


def _scripted(texts: Texts, deck: Deck, rng: random.Random) -> Callable[[], str]:
    send, script = _hidden_template(texts, deck, rng), rng.choice([*SCRIPTS, *UNSPACED])
    return lambda: _in_script(send(), script)


RINGS: dict[str, Callable[[Texts, Deck, random.Random], Callable[[], str]]] = {
    "template": _hidden_template,
    "variants": _variants,
    "half cover": _half_cover,
    "several": _several,
    "under vendor": _under_vendor,
    "code": _coded,
    "script": _scripted,
}


def _vendor(texts: Texts, number: int) -> str:
    return " ".join(random.Random(f"vendor {number}").sample(texts.habits, 12))


def _ordinary(texts: Texts, rng: random.Random, prompts: int, count: int) -> Iterator[list[str]]:
    """People with a few habits of wording and interests of their own."""
    for _ in range(count):
        habit = rng.choice(texts.habits).split()[:4]
        yield [" ".join([*habit, _stranger(texts, rng)]) for _ in range(prompts)]


def _vendor_users(texts: Texts, rng: random.Random, prompts: int, count: int) -> Iterator[list[str]]:
    for _ in range(count):
        vendor = _vendor(texts, rng.randrange(3))
        yield [f"{vendor}\n{_stranger(texts, rng)}" for _ in range(prompts)]


def _benchmark_runs(texts: Texts, rng: random.Random, prompts: int, count: int) -> Iterator[list[str]]:
    """Problems in the wording of a public harness, by many who have nothing to do with each other."""
    harness = (
        "Question: {}\nThink step by step, then give the final answer on its own line after four hash signs.\nAnswer:"
    )
    for _ in range(count):
        yield [harness.format(one) for one in rng.sample(texts.problems, prompts)]


def _retries(texts: Texts, rng: random.Random, prompts: int, count: int) -> Iterator[list[str]]:
    """One text with small edits, again and again; two of these people in ten have it from the same public place."""
    public = rng.sample(texts.contents, max(count // 10, 1))
    for _ in range(count):
        base = rng.choice(public) if rng.random() < 0.2 else _stranger(texts, rng)
        yield [f"{base} {' '.join(rng.choice(texts.habits).split()[:6])}" for _ in range(prompts)]


def _classes(texts: Texts, rng: random.Random, prompts: int, count: int) -> Iterator[list[str]]:
    """Thirty students a class ask about the same few exercises in their own words."""
    exercises: list[str] = []
    for student in range(count):
        if student % 30 == 0:
            exercises = rng.sample(texts.contents, 6)
        yield [f"{rng.choice(texts.habits)} {rng.choice(exercises)}" for _ in range(prompts)]


INNOCENTS: dict[str, Callable[[Texts, random.Random, int, int], Iterator[list[str]]]] = {
    "ordinary": _ordinary,
    "vendor": _vendor_users,
    "benchmark": _benchmark_runs,
    "retries": _retries,
    "class": _classes,
}
