"""Prompts of a folder: each form is read, a wrong folder is refused in words, and a text of one's own stays so."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest
from msgspec import UNSET
from typer.testing import CliRunner

from graphsvc.cli import app
from graphsvc.errors import BadUsage
from graphsvc.simulate import load_world, simulate
from graphsvc.simulate.given import given_prompts
from tests.simulate.made import make

ASKED = "Which {} of the old harbour would you show a visitor first?"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_each_form_of_file_is_read(tmp_path: Path) -> None:
    lines = [
        ASKED.format("one"),
        {"question": ASKED.format("two")},
        {"instruction": ASKED.format("three"), "input": "In winter."},
        {"turns": [{"content": ASKED.format("four")}, {"content": "And then?"}]},
        {"messages": [{"role": "user", "content": ASKED.format("five")}]},
        {"conversations": [{"from": "human", "value": ASKED.format("six")}]},
        {"turns": [ASKED.format("seven")]},
        {"answer": "None of these keys holds a prompt."},
        7,
    ]
    given = given_prompts(
        write(
            tmp_path,
            {
                "a.jsonl": "\n".join(json.dumps(line) for line in lines),
                "b.json": json.dumps([{"prompt": ASKED.format("eight")}]),
                "c.csv": f'act,prompt\nguide,"{ASKED.format("nine")}"\n',
                "d.txt": f"{ASKED.format('ten')}\n\n  too short\n{ASKED.format('eleven')}\n",
                "e_bench.txt": ASKED.format("item"),
                "notes.md": "Nothing of this is a prompt, whatever it looks like.",
            },
        )
    )
    names = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]
    expected = [ASKED.format(name) for name in names]
    expected[2] += "\nIn winter."
    assert sorted([*given.own, *given.famous]) == sorted(expected)
    assert given.items == [ASKED.format("item")]


def test_of_many_prompts_some_are_famous(tmp_path: Path) -> None:
    prompts = [ASKED.format(f"corner {number}") for number in range(1000)]
    given = given_prompts(write(tmp_path, {"many.txt": "\n".join(prompts)}))
    assert len(given.famous) == pytest.approx(150, abs=20)
    assert sorted([*given.own, *given.famous]) == sorted(prompts)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, r"no \.txt"),
        ({"empty.txt": "\n\n", "short.csv": "prompt\nhello\n"}, r"no \.txt"),
        ({"good.txt": ASKED, "broken.jsonl": '{"prompt": '}, r"broken\.jsonl is not valid JSONL"),
    ],
)
def test_a_folder_of_no_use_is_refused(tmp_path: Path, files: dict[str, str], said: str) -> None:
    with pytest.raises(BadUsage, match=said):
        given_prompts(write(tmp_path, files))


def test_a_file_that_is_no_text_is_named_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "scan.txt").write_bytes(b"secret \xff\xfe\x00")
    with pytest.raises(BadUsage, match=r"scan\.txt is not valid TXT") as refused:
        given_prompts(tmp_path)
    assert "secret" not in str(refused.value)


def test_a_folder_that_is_not_there_is_bad_usage(tmp_path: Path) -> None:
    arguments = ["simulate", str(tmp_path / "out"), "--accounts", "60", "--prompts", str(tmp_path / "nowhere")]
    answer = CliRunner().invoke(app, arguments)
    assert isinstance(answer.exception, BadUsage)
    assert answer.exception.exit_code == 2


def test_ones_own_prompt_is_of_one_unit_alone(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    write(folder, {"many.txt": "\n".join(ASKED.format(f"corner {number}") for number in range(3000))})
    own = set(given_prompts(folder).own)
    made = make(tmp_path / "out", "plain", accounts=300, requests=6.0, prompts=str(folder))
    users: dict[str, set[str]] = defaultdict(set)
    for event in made.events:
        if event.request is not UNSET and event.request.messages is not UNSET:
            row = made.truth[event.account_id]
            for message in event.request.messages:
                if message.content in own:
                    users[message.content].add(row["unit"])
    assert len(users) > 100
    assert all(len(units) == 1 for units in users.values())


def test_given_prompts_make_the_same_bytes_in_any_number_of_processes(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    write(folder, {"many.txt": "\n".join(ASKED.format(f"corner {number}") for number in range(500))})
    spec = msgspec.structs.replace(load_world("plain"), accounts=120, requests=3.0, prompts=str(folder))
    simulate(spec, tmp_path / "one")
    simulate(spec, tmp_path / "two", processes=2)
    assert (tmp_path / "one" / "events.ndjson").read_bytes() == (tmp_path / "two" / "events.ndjson").read_bytes()
