"""Mappings are strict: what they do not know is refused, with the nearest word; people's origins are no attributes."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphsvc.errors import BadInput
from graphsvc.events.mapping import columns_in, parse_mapping, read_mapping
from graphsvc.events.protected import is_protected

EXAMPLES = sorted((Path(__file__).parents[2] / "examples/import").glob("*.toml"))
TOP = 'version = 1\naccount = "a"\ntime = "t"\n'
LOGIN = '[[event]]\ntype = "login"\n'


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_shipped_mappings_are_read(path: Path) -> None:
    assert columns_in(read_mapping(path))


def test_the_mapping_in_the_guide_is_read() -> None:
    guide = (Path(__file__).parents[2] / "docs/import.md").read_text("utf-8")
    mapping = parse_mapping(guide.split("```toml\n")[1].split("```")[0])
    assert [one.type for one in mapping.event] == ["login"]
    assert mapping.label


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no version"),
        ("version = 2", "version that is not known"),
        ("version = ", "is not TOML"),
        (TOP, "neither events nor labels"),
        (TOP + "acount = 1\n" + LOGIN, "Did you mean 'account'?"),
        (TOP + LOGIN + 'devise = { id = "d" }', "Did you mean 'device'?"),
        (TOP + LOGIN + 'device = { idd = "d" }', "event number 1.device has no key 'idd'. Did you mean 'id'?"),
        (TOP + LOGIN + 'ip = { colum = "x" }', "Did you mean 'column'?"),
        (TOP + "[table]\nseparator = 1\n" + LOGIN, "has no key 'separator'"),
        (TOP + '[[event]]\ntype = "sign-up"', "Invalid enum value"),
        (TOP + '[[event]]\ntype = "signup"', "needs [event.signup]"),
        (TOP + '[[event]]\ntype = "payment"\n[event.payment]\nmethod = "m"', "missing required field `outcome`"),
        (TOP + '[[event]]\ntype = "signup"\n[event.signup]\ncountry = "c"', "leave it out"),
        (TOP + LOGIN + LOGIN, "two [[event]] are called 'login'"),
        ("version = 1\n" + LOGIN, "has no account"),
        ('version = 1\naccount = "a"\n' + LOGIN, "has no time"),
        (TOP + LOGIN + 'ip = { column = "x", value = "y" }', "one of column, value and row"),
        (TOP + LOGIN + "ip = { row = true }", "only an account can be the row"),
        (TOP + LOGIN + 'ip = { column = "x", as = "category" }', "`as` is for attributes"),
        (TOP + LOGIN + 'ip = { column = "x", token = true }', "`token` is for accounts"),
        (TOP + LOGIN + 'attributes = { home = "country" }', "never a feature"),
        (TOP + LOGIN + 'attributes = { nationality = "x" }', "never a feature"),
        (TOP + LOGIN + 'identifiers = { origin = "Country" }', "never a feature"),
        (TOP + LOGIN + 'identifiers = { "Bad Kind" = "x" }', "identifiers"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_mapping(text)
    assert said in str(caught.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--infer proposes one"):
        read_mapping(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "name",
    [
        "country",
        "billing_country",
        "homeCountry",
        "lang",
        "language",
        "name",
        "first_name",
        "customerName",
        "Nationality",
    ],
)
def test_what_people_are_is_protected(name: str) -> None:
    assert is_protected(name)


@pytest.mark.parametrize("name", ["amount", "merchant_name", "planet", "rename_count", "trace_id", "essex"])
def test_what_they_do_is_not(name: str) -> None:
    assert not is_protected(name)
