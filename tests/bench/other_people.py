"""Who is in the logs of `tests.bench.other_log`: innocents who share much, operators who share what they must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Json = dict[str, Any]
DAY_S, HOUR_S = 86_400.0, 3_600.0
MAX_REQUESTS = 400

OPENERS = """can you help me with|please rewrite this so that it sounds more polite|what is the difference between
write a short story about|how do i fix this error in|explain like i am five|summarise the following text for me
translate this into plain english|give me ten ideas for|is it true that|make a table of|write a python function that
help me plan|draft an email to my landlord about|what should i cook with|compare|why does|proofread this|act as""".replace("\n", "|").split("|")  # fmt: skip
GLUE = ("the", "of", "and", "to", "a", "in", "that", "is", "for", "it", "with", "as", "on", "be", "at", "by", "this", "from", "or", "an")  # fmt: skip
FREEMAIL = ("gmail.com", "outlook.com", "yahoo.com", "hotmail.com", "icloud.com", "gmx.de", "proton.me", "qq.com")
THROWAWAY = ("mailinator.com", "guerrillamail.com", "yopmail.com", "10minutemail.com", "tempmail.net")
HOME_OCTETS = (24, 31, 62, 71, 73, 76, 81, 84, 86, 88, 92, 98, 109, 121, 151, 174, 186, 189, 201)
MOBILE_BLOCKS = ("100.36", "166.205", "172.58", "80.187", "106.195", "49.36")
CLOUD_BLOCKS = ("3.88", "18.204", "5.9", "51.38", "159.65", "34.74", "20.42", "167.99", "65.108", "45.76")
VPN_BLOCKS = ("185.156", "146.70", "37.120", "89.187", "193.32")
BROWSERS = ("Chrome/133 Windows", "Chrome/133 Macintosh", "Safari/18 iPhone", "Firefox/135 Linux", "Chrome/133 Android", "Edge/132 Windows")  # fmt: skip
CLIENTS = ("python-requests/2.32", "node-fetch/3.3", "axios/1.7", "Go-http-client/2.0", "okhttp/4.12", "curl/8.9")
BINS = ("41111101", "42424202", "510510", "545454", "401288", "371449", "601111", "356600", "455673", "535231")
PREPAID_BINS = ("531106", "440393", "517805")
RING_KINDS = ("distillation", "resale_relay", "trial_farm", "stolen_account", "distillation", "other_abuse")
RING_SIZES = {"distillation": (20, 400), "resale_relay": (8, 150), "trial_farm": (12, 250)}


@dataclass(frozen=True)
class Scenario:
    """What the log's owner records, how much abuse there is, and how its operators work."""

    abusive: tuple[float, float]
    shows: frozenset[str]
    weak: bool = False
    one_giant: bool = False
    crowded: float = 1.0


EVERYTHING = frozenset(("device", "tls", "card", "bin", "phone", "prompt", "own", "peers", "request_ip", "key", "channel"))  # fmt: skip
SCENARIOS = {
    "mixed": Scenario((0.05, 0.12), EVERYTHING - {"peers"}),
    "sparse": Scenario((0.05, 0.12), frozenset({"request_ip", "key"})),
    "hashed": Scenario((0.05, 0.12), frozenset(("device", "bin", "chain", "peers", "request_ip", "channel"))),
    "weak": Scenario((0.05, 0.10), EVERYTHING - {"own", "peers"}, weak=True),
    "innocent": Scenario((0.0, 0.0), EVERYTHING, crowded=2.0),
    "huge_ring": Scenario((0.08, 0.12), EVERYTHING - {"card", "bin", "phone"}, one_giant=True),
}


@dataclass(frozen=True)
class Crowd:
    """How an innocent group lives: `exits` addresses and `machines` devices of the unit, and chances to use them."""

    share: float
    low: int
    high: int
    kind: str = "other_benign"
    network: str = "home"
    exits: int = 0
    away: float = 0.4
    machines: int = 0
    device: float = 0.0
    domain: float = 0.0
    card: str = "own"
    frame: float = 0.02
    rush: bool = False
    org: bool = False
    code: bool = False
    volume: float = 8.0
    automatic: bool = False
    one_person: bool = False
    channel: str = "web"


CROWDS = {
    "individual": Crowd(0.42, 1, 1),
    "household": Crowd(0.09, 2, 5, "household", exits=2, machines=1, device=0.4, card="some_shared"),
    "office": Crowd(0.11, 6, 140, "shared_organisation", exits=3, away=0.5, machines=2, device=0.1, domain=0.95, card="invoice", frame=0.25, org=True),
    "campus": Crowd(0.09, 50, 400, "shared_network", exits=8, away=0.6, machines=25, device=0.2, domain=0.8, card="rare", frame=0.1, code=True, channel="education"),
    "carrier_nat": Crowd(0.07, 30, 300, "shared_network", network="mobile", exits=6, away=0.2),
    "classroom": Crowd(0.03, 12, 36, "shared_organisation", exits=1, away=0.3, machines=6, device=0.5, domain=0.5, card="none", frame=0.6, rush=True, code=True, channel="education"),
    "ci": Crowd(0.02, 3, 14, "shared_organisation", network="cloud", exits=5, away=0.0, machines=1, device=0.3, domain=1.0, card="invoice", frame=0.95, org=True, volume=40, automatic=True, channel="api"),
    "researcher": Crowd(0.02, 1, 8, "shared_organisation", network="cloud", exits=2, away=0.8, domain=0.9, card="rare", frame=0.7, volume=40, automatic=True, channel="research-programme"),
    "prepaid": Crowd(0.04, 1, 1, card="prepaid"),
    "vpn": Crowd(0.03, 15, 80, "shared_network", network="vpn", exits=4, away=0.3),
    "two_accounts": Crowd(0.03, 2, 3, exits=1, machines=1, device=0.9, card="some_shared", one_person=True),
    "cafe": Crowd(0.02, 15, 60, "shared_network", exits=1, away=0.2, machines=8, device=0.9, card="rare"),
    "agency": Crowd(0.02, 4, 18, "shared_organisation", exits=1, away=0.3, machines=2, device=0.8, domain=0.1, frame=0.4, one_person=True),
    "startup": Crowd(0.01, 8, 40, "shared_organisation", exits=2, away=0.9, domain=0.2, card="voucher", code=True, channel="startup-programme"),
}  # fmt: skip


@dataclass(frozen=True)
class Writer:
    """What an account asks: frames with slots for a share of its requests, free text otherwise."""

    frames: tuple[tuple[str, ...], ...] = ()
    share: float = 0.0
    system: str = ""
    paraphrase: float = 0.0
    turns: float = 1.6


@dataclass
class Phase:
    """A stretch of an account's life under one pair of hands."""

    start_s: float
    end_s: float
    requests: int
    addresses: list[str]
    devices: list[str]
    agent: str
    writer: Writer
    stick: float = 3.0
    automatic: bool = False
    talk: str = ""
    hop: float = 0.0
    refused: float = 0.01


@dataclass
class Account:
    """One account, the truth about it, and what its sign-up and payments show."""

    account_id: str
    group: str
    unit: str
    person: str
    kind: str
    mail: str
    phases: list[Phase]
    card: Json | None
    abusive: bool = False
    ring: str = ""
    operator: str = ""
    org: str = ""
    code: str = ""
    phone: str = ""
    channel: str = "web"
    declines: float = 0.03
    own: list[tuple[str, str]] = field(default_factory=list)
    inviter: str = ""
    banned_s: float = np.inf


@dataclass(frozen=True)
class Toolkit:
    """An operator's means; later rings of the same operator draw on them again."""

    name: str
    block: str
    domains: tuple[str, ...]
    bins: tuple[str, ...]
    frames: tuple[tuple[str, ...], ...]
    system: str


class World:
    """Draws the population. All randomness comes from one generator, in one order."""

    def __init__(self, scenario: Scenario, accounts: int, days: int, seed: int) -> None:
        self.scenario, self.end_s = scenario, days * DAY_S
        self.rng = np.random.default_rng([seed, accounts, days])
        self.accounts: list[Account] = []
        self.toolkits: list[Toolkit] = []
        syllables = [c + v + e for c in "bdfgklmnprstvz" for v in "aeiou" for e in ("", "n", "r", "l", "st")]
        self.words = ["".join(self.pick(syllables) for _ in range(self.count(2, 5))) for _ in range(7_000)]
        self.famous = tuple(self.frame() for _ in range(40))
        self.homes: list[str] = []

    def pick(self, items: Sequence[Any], bend: float = 1.0) -> Any:
        """One of the items; a bend above 1 prefers the first."""
        return items[int(len(items) * self.rng.random() ** bend)]

    def count(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def heavy(self, median: float, spread: float, low: float, high: float) -> float:
        return float(np.clip(self.rng.lognormal(np.log(median), spread), low, high))

    def code(self, prefix: str, length: int = 12) -> str:
        return prefix + self.rng.bytes((length + 1) // 2).hex()[:length]

    # words

    def text(self, count: int) -> str:
        draws = self.rng.random((2, count))
        rare = (draws[1] ** 3 * len(self.words)).astype(int)
        common = (draws[1] ** 1.5 * len(GLUE)).astype(int)
        return " ".join(GLUE[c] if u < 0.42 else self.words[r] for u, r, c in zip(draws[0], rare, common, strict=True))

    def frame(self) -> tuple[str, ...]:
        return tuple(self.text(self.count(6, 24)) for _ in range(self.count(2, 5)))

    def ask(self, writer: Writer) -> str:
        """One user message: a filled frame, a famous public prompt, or free text."""
        length = int(self.heavy(18, 0.9, 3, 250))
        if writer.frames and self.chance(writer.share):
            pieces = [self.reworded(piece, writer.paraphrase) for piece in self.pick(writer.frames, 2.0)]
            return " ".join(f"{piece} {self.text(max(2, length // len(pieces)))}" for piece in pieces)
        if self.chance(0.03):
            return " ".join(self.pick(self.famous, 2.5)) + " " + self.text(length // 3 + 1)
        return f"{self.pick(OPENERS)} {self.text(length)}"

    def reworded(self, piece: str, strength: float) -> str:
        if not strength:
            return piece
        fate = self.rng.random(piece.count(" ") + 1)
        words = zip(piece.split(" "), fate, strict=True)
        return " ".join(self.pick(self.words, 2.0) if u < strength / 2 else w for w, u in words if u < 1 - strength / 2)

    # things to be seen with

    def address(self, network: str, block: str = "") -> str:
        blocks = {"mobile": MOBILE_BLOCKS, "cloud": CLOUD_BLOCKS, "vpn": VPN_BLOCKS}
        if network == "home" and not block and self.chance(0.15):
            return f"2a02:{self.count(0x800, 0xFFF):x}:{self.count(1, 0xFFFF):x}:1::{self.count(1, 0xFFFF):x}"
        home = f"{self.pick(HOME_OCTETS)}.{self.count(0, 256)}"
        prefix = block or (self.pick(blocks[network]) if network in blocks else home)
        missing = 3 - prefix.count(".")
        return ".".join([prefix, *(str(self.count(1, 255)) for _ in range(missing))])

    def own_addresses(self) -> list[str]:
        """A home whose address changes now and then, and often a telephone."""
        first = self.address("home")
        block = ".".join(first.split(".")[:2]) if "." in first else ""
        more = [self.address("home", block) for _ in range(int(self.rng.poisson(0.7)))] if block else []
        away = [self.address("mobile") for _ in range(int(self.rng.poisson(0.6)))]
        self.homes.append(first)
        return [first, *more, *away]

    def domain(self) -> str:
        return f"{self.pick(self.words)}{self.pick(self.words)[:4]}.{self.pick(('com', 'net', 'io', 'org', 'dev'))}"

    def mailbox(self, domain: str = "") -> str:
        name = f"{self.pick(self.words)}.{self.pick(self.words)}"
        if self.chance(0.5):
            name = f"{self.pick(self.words)}{self.count(1, 9999)}"
        return f"{name}@{domain or self.pick(FREEMAIL, 2.0)}"

    def card(self, bins: Sequence[str] = BINS, funding: str = "") -> Json:
        fund = funding or self.pick(("debit", "credit", "debit", "unknown"))
        return {"method": "card", "fingerprint": self.code("fp:", 20), "bin": self.pick(bins, 1.5), "funding": fund}

    # innocents

    def innocents(self, wanted: int) -> None:
        shares = np.array([c.share * (self.scenario.crowded if c.high > 1 else 1.0) for c in CROWDS.values()])
        for (group, crowd), count in zip(CROWDS.items(), (shares / shares.sum() * wanted).astype(int), strict=True):
            left = int(count)
            while left >= crowd.low:
                size = min(left, int(self.heavy((crowd.low * crowd.high) ** 0.5, 0.7, crowd.low, crowd.high + 0.5)))
                self.unit(group, crowd, size)
                left -= size
        while len(self.accounts) < wanted:
            self.unit("individual", CROWDS["individual"], 1)

    def unit(self, group: str, crowd: Crowd, size: int) -> None:
        """A household, an office, a carrier's gateway: its members and what they share."""
        unit, domain, person = self.code(f"{group}-", 6), self.domain(), self.code("p", 8)
        block = f"{self.pick(HOME_OCTETS)}.{self.count(0, 256)}.{self.count(0, 256)}"
        if crowd.network != "home":
            block = ".".join(self.address(crowd.network).split(".")[:3])
        exits = [self.address(crowd.network, block) for _ in range(min(crowd.exits, 1 + size // 5))]
        machines = [self.code("", 32) for _ in range(min(crowd.machines, 1 + size // 3))]
        frames = tuple(self.frame() for _ in range(1 + size // 30)) if size > 1 else ()
        shared_card, code, opened_s = self.card(), self.code("REF", 6).upper(), self.rng.random() * self.end_s * 0.9
        for index in range(size):
            own = [] if crowd.away < 0.01 or (exits and not self.chance(crowd.away)) else self.own_addresses()
            devices = [self.code("", 32) for _ in range(1 + int(self.chance(0.35)))]
            if machines and self.chance(crowd.device):
                devices.insert(int(self.rng.integers(2)), self.pick(machines))
            born_s = (self.rng.random() * 1.5 - 0.55) * self.end_s
            if crowd.rush:
                born_s = opened_s + self.rng.exponential(1_200)
            agent = self.pick(CLIENTS if crowd.automatic else BROWSERS, 1.5)
            public = self.famous if crowd.automatic and not frames else ()
            writer = Writer(frames or public, crowd.frame, turns=1.0 if crowd.automatic else self.heavy(1.7, 0.4, 1, 5))
            phase = Phase(
                born_s, self.end_s, int(self.heavy(crowd.volume, 1.1, 1, MAX_REQUESTS)),
                self.shuffled([self.pick(exits) for _ in exits[:2]] + own), devices, agent, writer, automatic=crowd.automatic,
                talk=unit if crowd.org else "", hop=0.02 if crowd.org else 0.0,
            )  # fmt: skip
            mail = self.mailbox(domain if self.chance(crowd.domain) else "")
            member = person if crowd.one_person else self.code("p", 8)
            card = self.means(crowd, shared_card)
            account = Account(self.code("u_", 16), group, unit, member, crowd.kind, mail, [phase], card)
            if group == "two_accounts" and index and self.chance(0.4):
                name, _, host = self.accounts[-1].mail.partition("@")
                account.mail = f"{name.split('+')[0]}+{index}@{host}"
            account.org = unit if crowd.org else ""
            account.code = code if crowd.code and self.chance(0.5) else ""
            account.channel = crowd.channel
            account.inviter = self.pick(self.accounts).account_id if self.accounts and self.chance(0.06) else ""
            account.phone = f"+1{self.count(2_000_000_000, 9_000_000_000)}" if self.chance(0.4) else ""
            if self.chance(0.15):
                home = unit if group in ("household", "two_accounts") else self.code("addr ", 10)
                account.own.append(("postal_address", home))
            self.accounts.append(account)

    def shuffled(self, items: Sequence[str]) -> list[str]:
        return [items[i] for i in self.rng.permutation(len(items))]

    def means(self, crowd: Crowd, shared: Json) -> Json | None:
        """How a member pays, if at all."""
        if crowd.card == "none" or self.chance(0.9 if crowd.card == "rare" else 0.45):
            return None
        if crowd.card in ("invoice", "voucher"):
            return {"method": crowd.card} if crowd.card == "voucher" or self.chance(0.5) else shared
        if crowd.card == "prepaid":
            return self.card(PREPAID_BINS, "prepaid")
        return shared if crowd.card == "some_shared" and self.chance(0.5) else self.card()

    # operators

    def rings(self, wanted: int) -> None:
        """Rings until the wanted number of accounts; the kinds and sizes follow the scenario."""
        left = wanted
        if self.scenario.one_giant:
            self.ring("distillation", giant := int(wanted * 0.3))
            left -= giant
        kinds = self.shuffled(RING_KINDS)
        while left >= 4:
            kind = kinds[len({a.ring for a in self.accounts}) % len(kinds)]
            low, high = RING_SIZES.get(kind, (4, 40))
            size = int(self.heavy(low * 1.8, 0.9, low, min(high, max(low, wanted * 0.4))))
            size = self.count(4, 11) if self.scenario.one_giant else size
            self.ring(kind, size := min(size, left))
            left -= size

    def toolkit(self) -> Toolkit:
        if self.toolkits and self.chance(0.3):
            return self.pick(self.toolkits)  # type: ignore[no-any-return]
        block = ".".join(self.address(self.pick(("cloud", "cloud", "vpn"))).split(".")[:3])
        domains = tuple(self.domain() for _ in range(self.count(1, 6)))
        bins = tuple(f"{self.count(400_000, 560_000)}" for _ in range(self.count(1, 3)))
        frames = tuple(self.frame() for _ in range(self.count(1, 6)))
        self.toolkits.append(Toolkit(self.code("op-", 6), block, domains, bins, frames, self.text(30)))
        return self.toolkits[-1]

    def groups_of(self, per: float, size: int, make: Any) -> list[Any]:
        """One thing for about every `per` members, handed out at random."""
        made = [make() for _ in range(max(1, round(size / per)))]
        return [self.pick(made) for _ in range(size)]

    def ring(self, kind: str, size: int) -> None:
        """One ring: each habit is drawn for the ring as a whole, then lived by its accounts with slips."""
        kit, ring, weak = self.toolkit(), self.code("ring-", 6), self.scenario.weak
        per_device = self.pick((1.0, 2.0, 2.5)) if weak else self.pick((1.0, 2.5, 8.0, 25.0, float(size)))
        devices = self.groups_of(per_device, size, lambda: self.code("", 32))
        hosting = "static" if weak else self.pick(("servers", "servers", "static", "rotating"))
        servers = [self.address("cloud", kit.block) for _ in range(max(2, size // self.count(4, 15)))]
        static = self.groups_of(2.5, size, lambda: self.address("home"))
        mailing = self.pick(("free", "free", "catch_all") if weak else ("catch_all", "free", "throwaway"))
        paying = self.pick(("own", "none") if weak else ("virtual", "virtual", "none", "stolen"))
        cards = self.groups_of(1.0 if weak else self.pick((1.0, 3.0)), size, lambda: self.card(kit.bins, "prepaid"))
        phones = self.groups_of(self.pick((1.0, 3.0)), size, lambda: f"+44{self.count(7_000_000_000, 8_000_000_000)}")
        canvas = self.groups_of(3.0, size, lambda: self.code("cv", 10)) if self.chance(0.3) else []
        opened_s, window_s = self.rng.random() * self.end_s * 0.6, self.pick((6 * HOUR_S, 3 * DAY_S, 20 * DAY_S))
        aged, code = self.chance(0.2), self.code("REF", 6).upper() if self.chance(0.2) else ""
        writer = self.purpose(kind, kit, weak)
        hop = float(self.pick((0.05, 0.2, 0.5))) * (0.3 if weak else 1.0) * (kind in ("resale_relay", "stolen_account"))
        volume = {"trial_farm": 4.0, "other_abuse": 3.0}.get(kind, 20.0)
        agent = self.pick(CLIENTS)
        for index in range(size):
            born_s = -1.0 - self.rng.random() * DAY_S if aged else opened_s + self.rng.random() * window_s
            life_s = self.rng.exponential(3 * DAY_S) + HOUR_S if kind == "trial_farm" else self.end_s
            if hosting == "rotating":
                fresh = [self.address("home") for _ in range(self.count(3, 12))]
                seen = [self.pick(self.homes) if self.chance(0.1) else address for address in fresh]
            else:
                seen = [static[index]] if hosting == "static" else self.shuffled(servers)[: self.count(1, 6)]
            if self.chance(0.08):
                seen.append(self.pick(servers))
            phase = Phase(
                born_s, min(self.end_s, born_s + life_s), int(self.heavy(volume, 0.8, 1, MAX_REQUESTS)), seen, [devices[index]],
                agent if self.chance(0.8) else self.pick(BROWSERS), writer, 1.3, automatic=self.chance(0.8), talk=ring, hop=hop, refused=0.06,
            )  # fmt: skip
            if kind == "stolen_account":
                account = self.hijacked(phase)
            else:
                domain = {"catch_all": self.pick(kit.domains), "throwaway": self.pick(THROWAWAY), "free": ""}[mailing]
                card = {"virtual": cards[index], "own": self.card(), "none": None, "stolen": self.card()}[paying]
                account = Account(self.code("u_", 16), kind, ring, kit.name, kind, self.mailbox(domain), [phase], card)
                account.declines = 0.5 if kind == "other_abuse" else 0.25 if paying == "stolen" else 0.1
                account.code, account.phone = code, phones[index] if self.chance(0.5) else ""
                account.own = [("browser_canvas", canvas[index])] if canvas else []
                account.inviter = self.accounts[-1].account_id if index and code and self.chance(0.5) else ""
                self.accounts.append(account)
            account.abusive, account.kind, account.group = True, kind, kind
            account.ring = account.unit = ring
            account.operator = kit.name

    def purpose(self, kind: str, kit: Toolkit, weak: bool) -> Writer:
        """What the ring asks for: a distiller's frames, a reseller's customers, a farm's small talk."""
        paraphrase = float(self.rng.uniform(0.25, 0.6)) if weak else float(self.pick((0.0, 0.0, 0.1, 0.25)))
        if kind == "distillation":
            return Writer(kit.frames, 0.5 + 0.5 * self.rng.random(), "", paraphrase, turns=1.0 + self.rng.random())
        if kind == "resale_relay":
            return Writer(system=kit.system if self.chance(0.2 if weak else 0.6) else "", turns=3.0)
        return Writer(kit.frames[:1], 0.3, paraphrase=paraphrase, turns=1.3)

    def hijacked(self, thief: Phase) -> Account:
        """An individual's account that somebody else takes over."""
        self.unit("individual", CROWDS["individual"], 1)
        account = self.accounts[-1]
        owner = account.phases[0]
        start_s = max(thief.start_s, owner.start_s, 0.0) + self.rng.random() * 4 * DAY_S
        thief.start_s = min(start_s, 0.9 * self.end_s)
        owner.start_s = min(owner.start_s, thief.start_s - DAY_S)
        thief.end_s = self.end_s
        owner.end_s = thief.start_s + self.rng.exponential(5 * DAY_S)
        account.phases.append(thief)
        return account
