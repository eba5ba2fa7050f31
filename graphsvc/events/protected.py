"""Facts of a person that are never a feature: where they live or come from, what they speak, what they are called."""

from __future__ import annotations

import re

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_ALWAYS = frozenset(
    (
        *("country", "countries", "birthcountry", "birthplace", "nation", "nationality", "citizen", "citizenship"),
        *("ethnicity", "ethnic", "race", "religion", "gender", "sex"),
        *("language", "languages", "lang", "locale"),
        *("firstname", "lastname", "middlename", "fullname", "maidenname", "surname", "forename"),
    )
)
_WHOSE = frozenset(
    (
        *("first", "last", "full", "middle", "maiden", "family", "given", "display", "nick"),
        *("user", "customer", "holder", "cardholder", "account", "client", "person", "owner"),
    )
)
"""`merchant_name` says what was bought and is none; `first_name` is a person's."""


def is_protected(name: str) -> bool:
    """Whether an attribute or a column of this name tells what must never be a feature of a model or a rule."""
    words = [word.casefold() for word in _WORD.findall(name)]
    joined = "".join(words)
    if joined == "name" or joined in _ALWAYS or not _ALWAYS.isdisjoint(words):
        return True
    return "name" in words and not _WHOSE.isdisjoint(words)
