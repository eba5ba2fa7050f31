"""A mapping proposed from a table itself: names, shapes and repeats of its columns. What is unsure is commented out,
with the reason."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgspec

from graphsvc.errors import BadInput
from graphsvc.events.mapping import TableFormat, parse_mapping
from graphsvc.events.protected import is_protected
from graphsvc.events.read import open_bytes
from graphsvc.events.rows import header_of, is_parquet, read_rows
from graphsvc.events.shapes import Shape, shape_of
from graphsvc.jobs.infer_words import (
    ACCOUNT,
    ACTION,
    DECIDED,
    KNOWN,
    LABEL,
    PAYMENT,
    SIGNUP,
    SOURCE,
    TARGET,
    TIME,
    TYPES,
    VERDICTS,
)

SAMPLE_ROWS = 20_000
HEAD_BYTES = 1 << 18
DELIMITERS = (",", ";", "\t", "|")
CATEGORIES_MAX = 50
"""More values than this are no category that a model could learn from a few hundred labels."""
OVERLAP = 0.1
"""Two columns of ids that have this share of values in common name accounts of one population."""
Test = Callable[[Shape], bool]


def proposal(source: str) -> str:
    """A commented mapping for a table, as TOML. Raises BadInput where the file is no table."""
    form = TableFormat() if is_parquet(source, TableFormat()) else _written(source)
    header = header_of(source, form)
    cells = [row for rows in islice(read_rows(source, form), SAMPLE_ROWS // 2_000) for row in rows.cells if row]
    if not cells:
        raise BadInput(f"{Path(source).name} has no rows to look at.")
    shapes = [
        shape_of(name, column, form.null) for name, column in zip(header.names, zip(*cells, strict=True), strict=True)
    ]
    if any(one.decimal_comma for one in shapes):
        form = msgspec.structs.replace(form, decimal=",")
    text = "\n".join(_Proposal(Path(source).name, len(cells), form, shapes).lines()) + "\n"
    if "\n[[" in text and "# TIME?" not in text:
        parse_mapping(text)
    return text


def _written(source: str) -> TableFormat:
    """Encoding and delimiter, from the beginning of the file."""
    with open_bytes(source) as (_, stream):
        head = stream.read(HEAD_BYTES)
    encoding = _encoding(head)
    lines = head.decode(encoding, "replace").splitlines()[:21]
    lines = lines[:-1] if len(lines) > 1 and len(head) == HEAD_BYTES else lines
    delimiter = max(DELIMITERS, key=lambda one: min((line.count(one) for line in lines if line), default=0))
    return TableFormat(delimiter=delimiter, encoding=encoding)


def _encoding(head: bytes) -> str:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


@dataclass
class _Proposal:
    """The lines of a mapping, put together column by column; each column is used once, or its absence is explained."""

    file: str
    rows: int
    form: TableFormat
    shapes: list[Shape]
    used: set[str] = field(default_factory=set)

    def lines(self) -> Iterator[str]:
        account, target = self._accounts()
        time = self._time(TIME, DECIDED)
        label = self._named(LABEL, lambda one: 2 <= len(one.distinct) <= 5 and _tells_abuse(one))
        decided = self._time(DECIDED) if label is not None else None
        yield f"# Proposed from the first {self.rows:,} rows of {self.file}. Check it with --dry-run before you import."
        yield "version = 1"
        yield from self._account_lines(account)
        if time is None and label is not None and decided is not None:
            yield from self._table_lines()
        else:
            yield from self._time_lines(time)
            yield from self._table_lines()
            yield from self._event_lines(account, target)
        yield from self._label_lines(label, decided, time)
        yield from self._rest()

    def _accounts(self) -> tuple[Shape | None, Shape | None]:
        source, target = self._named(SOURCE), self._named(TARGET)
        if source is not None and target is not None and _overlap(source, target) >= OVERLAP:
            return self._take(source), self._take(target)
        account = self._named(ACCOUNT)
        return (self._take(account) if account is not None else None), None

    def _account_lines(self, account: Shape | None) -> Iterator[str]:
        if account is not None:
            token = ", token = true" if account.shape == "mail" else ""
            yield (
                f"account = {{ column = {_quoted(account.name)}{token} }}"
                if token
                else f"account = {_quoted(account.name)}"
            )
            if token:
                yield "# Account ids are kept as they are; these are mail addresses, so tokens are kept in their place."
            return
        unique = next(
            (one for one in self.shapes if len(one.distinct) == self.rows and one.shape in ("text", "whole")), None
        )
        yield "# No column is an account that comes again, so each row is judged on its own. If one is, name it here."
        if unique is not None:
            yield f"account = {_quoted(self._take(unique).name)}"
        else:
            yield "account = { row = true }"

    def _time(self, names: Sequence[str], but: Sequence[str] = ()) -> Shape | None:
        free = [
            one
            for one in self.shapes
            if one.shape == "time" and one.name not in self.used and _plain(one.name) not in but
        ]
        if names is DECIDED:
            free = [one for one in free if _plain(one.name) in DECIDED]
        free.sort(key=lambda one: (one.empty > 0, names.index(_plain(one.name)) if _plain(one.name) in names else 99))
        return self._take(free[0]) if free else None

    def _time_lines(self, time: Shape | None) -> Iterator[str]:
        if time is None:
            yield "# TIME? No column looks like a time, and each event needs one. Name it, with its format:"
            yield '# time = { column = "…", format = "%d.%m.%Y %H:%M", zone = "Europe/Berlin" }'
            return
        if time.form.startswith("epoch"):
            yield f'time = {{ column = {_quoted(time.name)}, format = "{time.form}" }}'
            return
        if time.form.startswith(("%d/", "%m/")):
            yield "# Day and month could be the other way round: check it."
        yield "# A time without an offset is taken as UTC: set zone if it is not."
        yield f'time = {{ column = {_quoted(time.name)}, format = "{time.form}", zone = "UTC" }}'

    def _table_lines(self) -> Iterator[str]:
        plain = TableFormat()
        changed = [
            name for name in ("delimiter", "encoding", "decimal") if getattr(self.form, name) != getattr(plain, name)
        ]
        if changed:
            yield ""
            yield "[table]"
            yield from (f"{name} = {_quoted(getattr(self.form, name))}" for name in changed)

    def _event_lines(self, account: Shape | None, target: Shape | None) -> Iterator[str]:
        action = self._named(ACTION, lambda one: one.shape == "text" and 2 <= len(one.distinct) <= CATEGORIES_MAX)
        if action is not None:
            self._take(action)
            yield from self._by_action(action)
            return
        paid = self._of(PAYMENT)
        mailed = self._of({name: SIGNUP[name] for name in ("email", "phone")})
        kind = "activity"
        if mailed and account is not None and account.repeats == 1:
            kind = "signup"
        yield from self._event("sent" if target is not None else "", kind, None, target)
        if paid:
            yield '# Payments have a method and an outcome, which no column here tells for sure; as type = "payment":'
            yield "# [event.payment]"
            yield '# method = { value = "card" }'
            yield '# outcome = { value = "authorised" }'
            yield from (f"# {name} = {_quoted(one.name)}" for name, one in paid.items())
        if target is not None:
            yield ""
            yield "# The other side of each row: an account that is only ever a target is known by this event."
            yield "[[event]]"
            yield 'type = "activity"'
            yield 'name = "received"'
            yield f"account = {_quoted(target.name)}"

    def _by_action(self, action: Shape) -> Iterator[str]:
        """One entry for each sort of event that the values of a column tell."""
        sorts: dict[str, list[str]] = {}
        for value in sorted(action.distinct):
            sorts.setdefault(
                next((kind for kind, names in TYPES.items() if _plain(value) in names), "activity"), []
            ).append(value)
        taken = set(self.used)
        for number, (kind, values) in enumerate(sorted(sorts.items(), reverse=True)):
            seen, self.used = self.used, set(taken)
            when = f"{{ column = {_quoted(action.name)}, in = [{', '.join(map(_quoted, values))}] }}"
            yield from self._event("", kind, when, None, own=number == 0)
            self.used |= seen

    def _event(self, name: str, kind: str, when: str | None, target: Shape | None, own: bool = True) -> Iterator[str]:
        yield ""
        yield "[[event]]"
        yield f"type = {_quoted(kind)}"
        yield from [f"name = {_quoted(name)}"] if name else []
        yield from [f"when = {when}"] if when else []
        simple = self._of(KNOWN)
        yield from (f"{key} = {_quoted(self._take(one).name)}" for key, one in simple.items())
        if kind == "signup":
            yield ""
            yield "[event.signup]"
            yield from (f"{key} = {_quoted(self._take(one).name)}" for key, one in self._of(SIGNUP).items())
        if kind == "payment":
            yield from self._payment()
        yield from self._identifiers()
        if target is not None:
            yield ""
            yield "[[event.peers]]"
            yield 'type = "linked_to"'
            yield f"account = {_quoted(target.name)}"
        if own:
            yield from self._attributes()

    def _payment(self) -> Iterator[str]:
        yield ""
        yield "[event.payment]"
        yield "# What was paid with, and what became of it, are not told for sure: correct these two."
        yield 'method = { value = "card" }'
        yield 'outcome = { value = "authorised" }'
        yield from (f"{key} = {_quoted(self._take(one).name)}" for key, one in self._of(PAYMENT).items())
        amount = self._named(("amount", "value", "price", "sum"), lambda one: one.shape in ("whole", "number"))
        if amount is not None:
            yield f"amount_minor = {{ column = {_quoted(self._take(amount).name)}, scale = 100 }}"

    def _identifiers(self) -> Iterator[str]:
        """Texts that several rows share, neither a handful of values nor all different."""
        own = {"email": SIGNUP["email"], "phone": SIGNUP["phone"], "card": PAYMENT["fingerprint"]}
        found = {key: self._take(one) for key, one in self._of(own).items()}
        lines = [f"{key} = {_quoted(one.name)}" for key, one in found.items()]
        for one in self._free(
            lambda s: s.shape in ("text", "mail", "phone", "ip") or (s.shape == "whole" and _is_id(s.name))
        ):
            if len(one.distinct) <= CATEGORIES_MAX or one.repeats < 1.02 or one.longest > 512 or is_protected(one.name):
                continue
            sure = _is_id(one.name) or one.shape in ("mail", "phone", "ip")
            self._take(one)
            lines += [] if sure else [f"# {one.name}: values repeat, but is it something that identifies, or a text?"]
            lines.append(f"{'' if sure else '# '}{_key(one.name)} = {_quoted(one.name)}")
        if lines:
            yield ""
            yield "[event.identifiers]"
            yield from lines

    def _attributes(self) -> Iterator[str]:
        lines = []
        label = [_plain(name) for name in LABEL]
        for one in self._free(lambda s: _plain(s.name) not in label and not is_protected(s.name)):
            if len(one.distinct) <= 1:
                continue
            if one.shape in ("whole", "number") and not _is_id(one.name):
                lines.append(f"{_key(self._take(one).name)} = {_quoted(one.name)}")
            elif one.shape == "boolean" or (one.shape == "text" and len(one.distinct) <= CATEGORIES_MAX < one.given):
                sort = "boolean" if one.shape == "boolean" else "category"
                lines.append(f'{_key(self._take(one).name)} = {{ column = {_quoted(one.name)}, as = "{sort}" }}')
        if lines:
            yield ""
            yield "# Features of a model only where the setting GRAPHSVC_ATTRIBUTES names them. Leave out what is known"
            yield "# only afterwards."
            yield "[event.attributes]"
            yield from lines

    def _label_lines(self, label: Shape | None, decided: Shape | None, time: Shape | None) -> Iterator[str]:
        if label is None:
            return
        self._take(label)
        meaning = {
            value: next((v for v, names in VERDICTS.items() if value.casefold() in names), "")
            for value in label.distinct
        }
        sure = decided is not None and all(meaning.values())
        mark = "" if sure else "# "
        yield ""
        if decided is None:
            yield f"# {label.name} looks like a label, but no column tells when it was decided: it counts from then on."
            yield "# With the time of the event itself, a model would know at once what people found out weeks later."
        if not all(meaning.values()):
            yield f"# {label.name} looks like a label, but which of its values mean abuse is for you to say."
        yield f"{mark}[[label]]"
        if decided is not None and decided.empty:
            yield f"{mark}when = {{ column = {_quoted(decided.name)}, present = true }}"
        when = decided if decided is not None else time
        if when is not None:
            yield f'{mark}time = {{ column = {_quoted(when.name)}, format = "{when.form}" }}'
        values = ", ".join(f"{_quoted(value)} = {_quoted(verdict)}" for value, verdict in sorted(meaning.items()))
        yield f"{mark}verdict = {{ column = {_quoted(label.name)}, map = {{ {values} }} }}"
        yield f'{mark}source = {{ value = "import" }}'

    def _rest(self) -> Iterator[str]:
        """What no line above makes use of, and why."""
        left = self._free(lambda one: True)
        if left:
            yield ""
            yield "# Not used:"
            yield from (f"# {one.name}: {_why_not(one, self.rows)}" for one in left)

    def _of(self, roles: dict[str, tuple[str, ...]]) -> dict[str, Shape]:
        found = ((role, self._named(names)) for role, names in roles.items())
        fitting = ((role, one) for role, one in found if one is not None)
        return {
            role: one
            for role, one in fitting
            if role not in FITTING or one.shape == FITTING[role] or one.shape == "text"
        }

    def _named(self, names: Sequence[str], test: Test = lambda one: True) -> Shape | None:
        free = {_plain(one.name): one for one in self._free(test)}
        return next((free[name] for name in names if name in free and free[name].given), None)

    def _free(self, test: Test) -> list[Shape]:
        return [one for one in self.shapes if one.name not in self.used and test(one)]

    def _take(self, one: Shape) -> Shape:
        self.used.add(one.name)
        return one


FITTING = {"ip": "ip", "email": "mail"}
"""A column of such a name is only taken as one where its values are shaped so."""


def _why_not(one: Shape, rows: int) -> str:
    if is_protected(one.name):
        return "where people are from, what they speak or are called is never a feature."
    if not one.given:
        return "empty in all of them."
    if len(one.distinct) == 1:
        return "the same in each row."
    if len(one.distinct) == rows:
        return "different in each row; if it is the id of the event, write id = … under [[event]]."
    if one.shape == "time":
        return "another time; events have one each."
    return "neither an identifier, a number nor one of a few values; if it identifies, name it in [event.identifiers]."


def _tells_abuse(one: Shape) -> bool:
    """Whether a value says so by itself; `outcome` and `class` are names of much else."""
    return any(value.casefold() in VERDICTS["abusive"] for value in one.distinct)


def _overlap(one: Shape, other: Shape) -> float:
    smaller = min(len(one.distinct), len(other.distinct))
    return len(one.distinct & other.distinct) / max(smaller, 1)


def _plain(name: str) -> str:
    """A name without the differences of spelling that tables have."""
    return name.strip().casefold().replace(" ", "_").replace("-", "_").replace(".", "_")


def _is_id(name: str) -> bool:
    words = _plain(name).split("_")
    return words[-1] in ("id", "hash", "token", "address", "wallet", "key", "uuid", "number", "no", "iban", "account")


def _key(name: str) -> str:
    """A name as a key of identifiers and attributes."""
    kept = "".join(c if c.isascii() and c.isalnum() else "_" for c in _plain(name)).strip("_")
    return (kept if kept[:1].isalpha() else f"x_{kept}")[:32]


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
