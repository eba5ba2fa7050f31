"""Raw JSON to events and labels, or a rejection that says what is wrong and where, and never repeats what was sent."""

from __future__ import annotations

import re
import time
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import UNSET, UnsetType

from graphsvc.errors import BadInput
from graphsvc.events.types import REQUIRED_FACTS, Event, Label, epoch_ms

FUTURE_ALLOWED_MS = 10 * 60 * 1000
COUNT_MAX = 2**53
WEIGHT_MAX = 1e9
T = TypeVar("T", bound=msgspec.Struct)
_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(\w+)`")
_NAMED = re.compile(r"\.(\w+)|\[(\d+)\]|\[\.\.\.\]")


class Rejected(BadInput):
    """One event or label that is refused. `reason` is the rejection's own code."""

    def __init__(self, reason: str, message: str, pointer: str = "") -> None:
        super().__init__(message, pointer=pointer)
        self.reason = reason


def parse(line: bytes) -> object:
    """One JSON value from its bytes."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Rejected("malformed_json", "This is not one whole JSON value in UTF-8.") from None


def check_event(obj: object, now_ms: int | None = None) -> Event:
    """Raises Rejected with a JSON pointer where a known field is missing or bad, or the event lies in the future."""
    event = converted(obj, Event)
    facts = REQUIRED_FACTS.get(event.type)
    if facts is not None and getattr(event, facts) is UNSET:
        raise Rejected("missing", f"An event of type {event.type} needs the object {facts}.", f"/{facts}")
    _check_time(epoch_ms(event.occurred_at), "/occurred_at", now_ms)
    _check_sizes(event)
    return event


def check_label(obj: object, now_ms: int | None = None) -> Label:
    """Raises Rejected with a JSON pointer."""
    label = converted(obj, Label)
    _check_time(epoch_ms(label.decided_at), "/decided_at", now_ms)
    return label


def unknown_fields(obj: object) -> int:
    """How many fields of an event the contract does not know, nested ones included."""
    return _unknown(obj, Event) if isinstance(obj, dict) else 0


def _check_sizes(event: Event) -> None:
    """The contract bounds no number; what the tables cannot hold is refused here, before it is in the ledger."""
    counts: list[tuple[int | UnsetType, str]] = []
    if not isinstance(event.payment, UnsetType):
        counts.append((event.payment.amount_minor, "/payment/amount_minor"))
    if not isinstance(event.request, UnsetType):
        counts.append((event.request.input_tokens, "/request/input_tokens"))
        counts.append((event.request.output_tokens, "/request/output_tokens"))
        if not isinstance(event.request.fingerprint, UnsetType):
            counts.append((event.request.fingerprint.length, "/request/fingerprint/length"))
    for count, pointer in counts:
        if not isinstance(count, UnsetType) and count > COUNT_MAX:
            raise Rejected("out_of_range", f"A number here is at most {COUNT_MAX}.", pointer)
    peers = () if isinstance(event.peers, UnsetType) else event.peers
    for index, peer in enumerate(peers):
        if not isinstance(peer.weight, UnsetType) and not abs(peer.weight) <= WEIGHT_MAX:
            raise Rejected("out_of_range", f"A weight is at most {WEIGHT_MAX:g} in size.", f"/peers/{index}/weight")


def _check_time(moment_ms: int, pointer: str, now_ms: int | None) -> None:
    now = int(time.time() * 1000) if now_ms is None else now_ms
    if moment_ms < 0:
        raise Rejected("out_of_range", "This time lies before 1970.", pointer)
    if moment_ms > now + FUTURE_ALLOWED_MS:
        raise Rejected("in_future", "This time lies more than 10 minutes in the future.", pointer)


def converted(obj: object, kind: type[T]) -> T:
    """The JSON value as a struct. Raises Rejected with a JSON pointer."""
    if not isinstance(obj, dict):
        raise Rejected("invalid", f"Expected a JSON object with one {kind.__name__.lower()}.")
    try:
        return msgspec.convert(obj, kind)
    except msgspec.ValidationError as error:
        raise _rejection(str(error)) from None
    except (UnicodeError, OverflowError):
        raise Rejected("invalid", "A text holds half a surrogate pair or a number is out of range.") from None


def _rejection(text: str) -> Rejected:
    match = _PLACE.match(text)
    what, path = (match["what"], match["path"]) if match else ("", "")
    pointer = "".join(f"/{name or index}" for name, index in _NAMED.findall(path or "") if name or index)
    missing = _MISSING.search(what)
    if missing:
        return Rejected("missing", "A required field is missing.", f"{pointer}/{missing[1]}")
    if what.startswith("Invalid enum value"):
        return Rejected("invalid", "The value is not one of those allowed here.", pointer)
    safe = (
        what if what.startswith(("Expected", "Invalid RFC3339", "Object missing")) else "The value is not allowed here."
    )
    return Rejected("invalid", safe.rstrip(".") + ".", pointer)


def _whole(text: str) -> float | int:
    """A number such as 500.0 is an integer by JSON Schema; table exports write it often."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _fields(kind: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct] | None]:
    """Field names of a struct, each with the struct inside it (also inside its list), if any."""
    return {field.name: _inner(field.type) for field in msgspec.structs.fields(kind)}


def _inner(annotation: Any) -> type[msgspec.Struct] | None:
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    found = (_inner(argument) for argument in get_args(annotation))
    return next((inner for inner in found if inner is not None), None)


def _unknown(obj: dict[str, Any], kind: type[msgspec.Struct]) -> int:
    known = _known(kind)
    count = 0
    for name, value in obj.items():
        if name not in known:
            count += 1
            continue
        inner = known[name]
        if inner is None:
            continue
        if isinstance(value, dict):
            count += _unknown(value, inner)
        elif isinstance(value, list):
            count += sum(_unknown(item, inner) for item in value if isinstance(item, dict))
    return count


def _known(kind: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct] | None]:
    if kind not in _known_cache:
        _known_cache[kind] = _fields(kind)
    return _known_cache[kind]


_known_cache: dict[type[msgspec.Struct], dict[str, type[msgspec.Struct] | None]] = {}
_decoder = msgspec.json.Decoder(float_hook=_whole)
for _kind in (Event, Label):
    # msgspec learns a type at its first use; two threads that do so at once crash (seen with 0.22), so it learns here.
    msgspec.json.Decoder(_kind)
