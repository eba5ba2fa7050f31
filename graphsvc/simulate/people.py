"""Who people say they are: mail addresses, phone numbers, payment instruments, devices, account ids."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass

from graphsvc.config import resource
from graphsvc.events.types import Device
from graphsvc.simulate.dice import Dice
from graphsvc.simulate.spec import Mix, Payments

PUBLIC_DOMAINS = ("gmail.com", "outlook.com", "icloud.com", "yahoo.com", "hotmail.com", "gmx.de", "proton.me", "web.de",
                  "orange.fr", "libero.it", "qq.com", "163.com", "naver.com", "uol.com.br", "mail.ru", "aol.com",
                  "live.com", "t-online.de", "wp.pl", "fastmail.com", "zoho.com", "hey.com")  # fmt: skip
DISPOSABLE_DOMAINS = ("mailinator.com", "guerrillamail.com", "yopmail.com", "10minutemail.com", "temp-mail.org",
                      "sharklasers.com", "trashmail.com", "maildrop.cc", "getnada.com", "dispostable.com")  # fmt: skip
ALIAS_DOMAINS = ("duck.com", "mozmail.com", "simplelogin.com", "privaterelay.appleid.com", "anonaddy.me")
FIRST = """
    anna lukas maria wei carlos fatima john olga kenji sara ahmed julia pedro ines david mei nina omar laura ivan
    emma raj sofia paul amina leo kim marta felix yara tom alina hugo linh george elif noah ana peter grace
""".split()  # noqa: SIM905
LAST = """
    schmidt garcia li kowalski rossi tanaka silva martin khan novak jensen lopez ivanova nguyen brown okafor
    haddad moreau kaya andersen wang patel fischer costa smith dubois yilmaz virtanen park mbeki horvat oneill
    russo santos
""".split()  # noqa: SIM905
SYLLABLES = "bo ca da fi go hu ki la me no pra ri so ta vi wo ze lum cor dex nor tal ven sys lab net ware".split()  # noqa: SIM905
ENDINGS = ("com", "com", "com", "io", "de", "co.uk", "net", "fr", "ai", "co", "org", "eu", "dev", "app")
CALLING_CODES = (
    "+1415",
    "+1646",
    "+44770",
    "+49151",
    "+336",
    "+3934",
    "+346",
    "+5511",
    "+9198",
    "+8190",
    "+8613",
    "+4479",
)
COUNTRIES = ("US", "GB", "DE", "FR", "IN", "BR", "JP", "ES", "IT", "CA", "MX", "NL", "PL", "KR", "AU", "SE", "TR", "NG")
PROMOTIONS = ("WELCOME10", "SPRING", "STUDENT", "LAUNCH25", "PODCAST", "NEWS5")
SCHOOL_WORDS = ("uni", "college", "tech", "poly", "state", "inst")


@dataclass(frozen=True)
class Card:
    """A payment instrument."""

    method: str
    fingerprint: str
    bin: str | None
    funding: str
    currency: str


def account_id(dice: Dice) -> str:
    return f"acc_{dice.word(16)}"


def company_domain(dice: Dice) -> str:
    stem = "".join(dice.one(SYLLABLES) for _ in range(3 + dice.below(2)))
    return f"{stem}.{dice.one(ENDINGS)}"


def school_domain(dice: Dice) -> str:
    stem = dice.one(SCHOOL_WORDS) + "-" + "".join(dice.one(SYLLABLES) for _ in range(3 + dice.below(2)))
    return f"{stem}.{dice.one(('edu', 'edu', 'ac.uk', 'de', 'edu.br', 'ac.jp', 'fr'))}"


def local_part(dice: Dice) -> str:
    """The part before the @, in one of the ways people write it."""
    first, last = dice.one(FIRST), dice.one(LAST)
    match dice.below(6):
        case 0:
            return f"{first}.{last}{dice.below(100)}"
        case 1:
            return f"{first}{last}{dice.below(10000)}"
        case 2:
            return f"{first[0]}{last}{1950 + dice.below(60)}"
        case 3:
            return f"{dice.word(4)}{first}{dice.below(1000)}"
        case 4:
            return f"{last}_{first}{dice.below(1000)}"
        case _:
            return f"{first}{dice.one(SYLLABLES)}{dice.one(SYLLABLES)}{dice.below(1000)}"


class Mailboxes:
    """Makes the addresses of one unit; `domain` is its own, used by the sources that have one."""

    def __init__(self, domain: str, dice: Dice) -> None:
        self._domain = domain
        self._base = f"{local_part(dice)}{dice.below(100)}"
        self._provider = dice.popular(PUBLIC_DOMAINS[:6])

    def make(self, source: str, dice: Dice) -> str:
        match source:
            case "company" | "university":
                return f"{dice.one(FIRST)}.{dice.one(LAST)}{dice.one(('', '', dice.below(100)))}@{self._domain}"
            case "own_domain":
                name = dice.one((*FIRST, "info", "mail", "hello", "me"))
                return f"{name}{dice.one(('', dice.below(40)))}@{self._domain}"
            case "catch_all":
                return f"{local_part(dice)}@{self._domain}"
            case "firm":
                return f"{dice.one(FIRST)}{dice.one(('', '', dice.below(40)))}@{company_domain(dice)}"
            case "disposable":
                return f"{local_part(dice)}@{dice.one(DISPOSABLE_DOMAINS)}"
            case "alias":
                return f"{dice.word(9)}@{dice.one(ALIAS_DOMAINS)}"
            case "plus":
                return f"{self._dotted(dice)}+{dice.word(4)}@gmail.com"
            case _:
                return f"{local_part(dice)}@{dice.popular(PUBLIC_DOMAINS)}"

    def _dotted(self, dice: Dice) -> str:
        at = 1 + dice.below(len(self._base) - 1)
        return self._base if "." in (self._base[at - 1], self._base[at]) else f"{self._base[:at]}.{self._base[at:]}"


def phone(dice: Dice) -> str:
    code = dice.one(CALLING_CODES)
    return code + "".join(str(2 + dice.below(8)) for _ in range(12 - len(code)))


class Issuers:
    """The world's card issuers: number ranges (BIN) and how their cards are funded; few are popular."""

    def __init__(self, accounts: int, dice: Dice) -> None:
        self._by_funding: dict[str, list[str]] = {
            funding: [f"{dice.one('455523')}{dice.below(10**5):05d}" for _ in range(count + accounts // 400)]
            for funding, count in (("credit", 60), ("debit", 60), ("prepaid", 14), ("unknown", 20))
        }

    def bin(self, funding: str, dice: Dice) -> str:
        return dice.popular(self._by_funding[funding])


class Wallet:
    """Makes the instruments of one unit under its payment policy; `one_bin`: all cards of one issuer's range."""

    def __init__(self, policy: Payments, issuers: Issuers, dice: Dice) -> None:
        self._policy = policy
        self._issuers = issuers
        self._currency = dice.one(("USD", "USD", "EUR", "EUR", "GBP", "INR", "BRL", "JPY"))
        self._funding = dice.pick(policy.funding) if dice.chance(dice.between(policy.one_bin)) else None
        self._bin = issuers.bin(self._funding, dice) if self._funding else None

    def card(self, dice: Dice) -> Card:
        method = dice.pick(self._policy.methods)
        funding = self._funding or dice.pick(self._policy.funding)
        if method != "card":
            return Card(method, f"{method[:2]}_{dice.hex(20)}", None, "unknown", self._currency)
        return Card(
            method, f"pm_{dice.hex(20)}", self._bin or self._issuers.bin(funding, dice), funding, self._currency
        )


@dataclass(frozen=True)
class Client:
    """A program that many people run."""

    kind: str
    weight: float
    user_agents: Sequence[str]
    versions: Sequence[int]
    tls: Sequence[str]


def load_clients() -> list[Client]:
    table = tomllib.loads(resource("simulate", "clients.toml").read_text(encoding="utf-8"))
    return [Client(**entry) for entry in table["client"]]


class Workshop:
    """Makes devices: each has an id of its own and the agent and TLS print of a program that many others run."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self._of_kind = {
            kind: [c for c in clients if c.kind == kind] for kind in dict.fromkeys(c.kind for c in clients)
        }

    def device(self, kinds: Mix, dice: Dice) -> Device:
        of_kind = self._of_kind[dice.pick(kinds)]
        client = of_kind[int(dice.pick({str(i): c.weight for i, c in enumerate(of_kind)}))]
        low, high = client.versions
        agent = dice.one(client.user_agents).replace("{v}", str(low + dice.below(high - low + 1)))
        return Device(id=dice.hex(32), user_agent=agent, tls=dice.one(client.tls))
