"""Evidence packs of hand-made clusters, and against networkx and slow plain sums."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest

from graphsvc.clusters.evidence import cluster_evidence
from graphsvc.clusters.explanations import Explanation
from graphsvc.clusters.material import Material, material_of, read_material, sweep, write_material
from graphsvc.clusters.pack import Pack, pack_of
from graphsvc.errors import NotFound
from graphsvc.events.record import PeerLink, Record
from graphsvc.links.pairs import BITS_MIN, COMBINATION, REMAINDER, pairs
from graphsvc.links.view import TIMINGS, LinkView
from graphsvc.links.weights import HUB_CUT, decay_of, explained, weight_of
from tests.links.worlds import DAY_MS, START_MS, event, sharing, view

LEFT, RIGHT = [f"l{n}" for n in range(5)], [f"r{n}" for n in range(4)]
CAMPUS = [f"student{n:03d}" for n in range(150)]


def material(seen: LinkView, members: list[str]) -> Material:
    """The material of one cluster of these accounts."""
    names = seen.accounts["account_id"].to_pylist()
    clusters = np.where(np.isin(names, members), 0, -1).astype(np.int32)
    return material_of(seen, clusters, pairs(seen))


def packed(folder: Path, records: list[Record], members: list[str]) -> Pack:
    seen = view(folder, records)
    return pack_of(material(seen, members), len(seen.accounts))


def shared(groups: dict[tuple[str, str], list[str]]) -> list[Record]:
    return sharing(groups)


def outcome(pack: Pack, code: str) -> Explanation:
    return next(one for one in pack.explanations if one.code == code)


@pytest.fixture(scope="module")
def barbell(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Two groups that each share a device, and one card that joins l0 and r0; a campus is behind all of them."""
    groups = {
        ("device", "d-left"): LEFT,
        ("device", "d-right"): RIGHT,
        ("instrument", "card"): ["l0", "r0"],
        ("ip", "campus"): [*CAMPUS, *LEFT, *RIGHT],
    }
    return packed(tmp_path_factory.mktemp("barbell") / "w", shared(groups), [*LEFT, *RIGHT])


def test_the_one_link_between_two_groups_is_named_with_what_it_parts(barbell: Pack) -> None:
    assert len(barbell.bonds) == 8
    (weakest,) = barbell.weakest
    assert {weakest.a, weakest.b} == {"l0", "r0"}
    assert (weakest.part, weakest.rest, weakest.others) == (4, 5, 0)
    assert [(reason.type, reason.id) for reason in weakest.reasons] == [("instrument", "card")]
    assert "4 accounts would be apart from the other 5" in weakest.text
    assert [(one.account_id, one.parts) for one in barbell.brokers] in (
        [("l0", (4, 4)), ("r0", (5, 3))],
        [("r0", (5, 3)), ("l0", (4, 4))],
    )
    assert barbell.cores[0].linked_to == 4
    assert barbell.cores[0].account_ids == tuple(LEFT)


def test_every_discount_is_shown_and_multiplies_up(barbell: Pack) -> None:
    assert {(one.type, one.id) for one in barbell.discounts} == {
        ("device", "d-left"),
        ("device", "d-right"),
        ("instrument", "card"),
    }
    for one in barbell.discounts:
        product = one.rarity_bits * one.prior * one.hub_discount * one.recency
        assert one.bits == pytest.approx(product, rel=1e-5)
        worth = explained(one.type, one.degree, 159, 0)
        assert (one.rarity_bits, one.hub_discount) == (worth.rarity_bits, worth.hub_discount)
        assert one.prior == pytest.approx(weight_of(one.type).prior, rel=1e-5)
    held = {one.id: one.held_without for one in barbell.discounts}
    assert held == {"d-left": 5, "d-right": 6, "card": 5}


def test_a_hub_is_counter_evidence_and_counts_for_nothing(barbell: Pack) -> None:
    (hub,) = barbell.hubs
    assert (hub.id, hub.members, hub.degree, hub.bits, hub.hub_discount) == ("campus", 9, 159, 0, 0)
    assert "counts for nothing" in hub.text
    campus = outcome(barbell, "campus")
    assert campus.sign
    assert (campus.outcome, campus.held) == ("no", 9)
    assert "9 of 9 accounts use one address or subnet that 159 accounts use" in campus.figure


def test_the_sentence_says_both_sides(barbell: Pack) -> None:
    assert barbell.sentence.startswith("9 accounts are held together by 8 links of ")
    assert "without one of" in barbell.sentence
    assert "no proof" in barbell.sentence
    assert "1 thing counted for nothing" in barbell.sentence


def test_a_household_explains_itself(tmp_path: Path) -> None:
    home = ["parent", "child", "guest", "aunt"]
    pack = packed(
        tmp_path / "w", shared({("ip", "home"): home, ("device", "tablet"): home[:3], ("phone", "p"): home}), home
    )
    assert outcome(pack, "household").outcome == "explains"
    assert outcome(pack, "office").outcome == "no"
    assert pack.explanations[0].outcome == "explains"
    assert "An innocent explanation fits: a household would account for it." in pack.sentence


def test_an_office_explains_its_address_but_not_a_shared_device(tmp_path: Path) -> None:
    staff = [f"s{n}" for n in range(9)]
    groups = {("ip", "office"): staff, ("device", "kiosk"): staff[:4]}
    pack = packed(tmp_path / "w", shared(groups), staff)
    office = outcome(pack, "office")
    assert (office.outcome, office.held, office.sign) == ("explains", 4, True)
    assert "4 of 9 accounts still hold together" in office.consequence
    more = packed(tmp_path / "v", shared(groups | {("device", "kiosk"): staff[:7]}), staff)
    assert outcome(more, "office").outcome == "in_part"


def test_an_organisation_explains_what_its_members_share(tmp_path: Path) -> None:
    staff = [f"s{n}" for n in range(8)]
    pack = packed(tmp_path / "w", shared({("org", "firm"): staff, ("api_key", "k"): staff}), staff)
    assert outcome(pack, "organisation").outcome == "explains"
    without = packed(tmp_path / "v", shared({("org", "firm"): staff[:3], ("api_key", "k"): staff}), staff)
    assert (outcome(without, "organisation").outcome, outcome(without, "organisation").sign) == ("no", False)


def test_one_persons_two_accounts(tmp_path: Path) -> None:
    pack = packed(tmp_path / "w", shared({("device", "d"): ["a", "b"]}), ["a", "b"])
    assert outcome(pack, "own_accounts").outcome == "explains"
    assert not pack.brokers
    assert len(pack.bonds) == 1


def test_a_class_that_opened_accounts_on_one_day(tmp_path: Path) -> None:
    pupils = [f"p{n}" for n in range(20)]
    pack = packed(tmp_path / "w", shared({("ip", "school"): pupils, ("referral_code", "course"): pupils}), pupils)
    assert outcome(pack, "event").outcome == "explains"
    assert "20 of 20 accounts were opened within three days" in outcome(pack, "event").figure


def test_a_public_template_explains_prompts_alone(tmp_path: Path) -> None:
    """Three of a hundred who send the same textbook prompt: their template is a hub's neighbour, and no device."""
    readers = [f"b{n}" for n in range(40)]
    seen = view(tmp_path / "w", shared({("wallet", "w"): readers[:3], ("ip", "x"): readers}))
    kinds = pa.array(["prompt_family" if one == "ip" else one for one in seen.identifiers["type"].to_pylist()])
    linked = LinkView(
        seen.as_of_ms, seen.accounts, seen.identifiers.set_column(0, "type", kinds), seen.links, seen.peers
    )
    template = outcome(pack_of(material(linked, readers[:3]), 40), "public_template")
    assert template.sign
    assert "3 of 3 accounts send prompts of templates that are used by as many others outside" in template.figure


def test_groups_that_weak_evidence_joined_are_shown_with_their_weak_links(tmp_path: Path) -> None:
    groups = {("device", "d-left"): LEFT, ("device", "d-right"): RIGHT, ("bin", "rare"): ["l1", "r2"]}
    pack = packed(tmp_path / "w", shared(groups), [*LEFT, *RIGHT])
    weak = [bond for bond in pack.bonds if bond.weak]
    assert [({one.a, one.b}, one.part) for one in weak] == [({"l1", "r2"}, 4)]
    assert 0 < weak[0].bits < BITS_MIN
    assert pack.parts == (9,)
    assert "1 link of them would be too little for two accounts alone" in pack.sentence


def test_members_whom_nothing_joins_are_said_to_be_apart(tmp_path: Path) -> None:
    groups = {("device", "d-left"): LEFT, ("device", "d-right"): RIGHT}
    pack = packed(tmp_path / "w", shared(groups), [*LEFT, *RIGHT])
    assert pack.parts == (5, 4)
    assert "No pair joins its 2 parts" in pack.sentence
    alone = packed(tmp_path / "v", shared({("ip", "i"): ["a", *CAMPUS]}), ["a", CAMPUS[0]])
    assert alone.parts == (1, 1)
    assert not alone.bonds
    assert "No pair of these 2 accounts" in alone.sentence


def test_direct_dealings_are_a_reason_without_a_thing(tmp_path: Path) -> None:
    peers = (PeerLink("b", "paid", 1.0),)
    records = [event("e1", "a", START_MS, [("wallet", "w")], peers=peers), event("e2", "b", START_MS + DAY_MS)]
    (bond,) = packed(tmp_path / "w", records, ["a", "b"]).bonds
    assert bond.reasons == ()
    assert bond.ties == ("peer",)
    assert "they deal with each other directly" in bond.text
    assert (bond.first_ms, bond.last_ms) == (START_MS, START_MS)


def test_hand_overs_and_weak_things_together_are_said(tmp_path: Path) -> None:
    seen = view(tmp_path / "w", shared({("device", "d"): ["a", "b", "c"]}))
    rows = [(0, 1, "hand_over", 3.0, 4, START_MS - DAY_MS, START_MS), (0, 1, "cooldown", 2.0, 2, START_MS, START_MS)]
    timings = pa.Table.from_pylist([dict(zip(TIMINGS.names, row, strict=True)) for row in rows], TIMINGS)
    timed = replace(seen, timings=timings)
    clusters, linked = np.zeros(3, np.int32), pairs(timed)
    kept = material_of(timed, clusters, linked)
    mask = kept.pairs["groups"].to_numpy() | 1 << COMBINATION
    pack = pack_of(replace(kept, pairs=kept.pairs.set_column(4, "groups", pa.array(mask))), 3)
    first = pack.bonds[0]
    assert ({first.a, first.b}, first.ties) == ({"a", "b"}, ("cooldown", "hand_over"))
    assert "they take over from each other within seconds" in first.text
    assert "several weak things that few have together count too" in first.text
    assert first.first_ms == START_MS - DAY_MS
    evidence = cluster_evidence(timed, clusters, linked).to_pylist()
    told = {row["identifier_type"]: (row["text"], row["accounts"], row["bits"]) for row in evidence}
    assert told["hand_over"] == (
        "2 of 3 accounts take over from each other within seconds: 3.0 bits at most between two.",
        2,
        3.0,
    )
    assert told["cooldown"][1] == 2


def test_times_are_those_of_what_both_share(tmp_path: Path) -> None:
    records = [
        event("e0", "a", START_MS - 9 * DAY_MS, [("ip", "own")]),
        event("e1", "a", START_MS, [("device", "d")]),
        event("e2", "b", START_MS + DAY_MS, [("device", "d")]),
        event("e3", "a", START_MS + 3 * DAY_MS, [("device", "d")]),
    ]
    (bond,) = packed(tmp_path / "w", records, ["a", "b"]).bonds
    assert (bond.first_ms, bond.last_ms) == (START_MS, START_MS + 3 * DAY_MS)


def test_figures_agree_with_slow_plain_ones(tmp_path: Path) -> None:
    """A random cluster: bits by group, parts without a member, cores and what each thing holds, done by hand."""
    rng = np.random.default_rng(5)
    members = [f"m{n:02d}" for n in range(24)]
    kinds = ("device", "instrument", "ip", "bin", "wallet")
    groups = {
        (kinds[n % 5], f"t{n}"): sorted(rng.choice(members, rng.integers(2, 6), replace=False).tolist())
        for n in range(26)
    }
    seen = view(tmp_path / "w", shared(groups))
    found = material(seen, members)
    pack = pack_of(found, len(seen.accounts))
    graph: nx.Graph[str] = nx.Graph()
    names = found.members["account_id"].to_pylist()
    graph.add_nodes_from(names)
    for row in found.pairs.to_pylist():
        graph.add_edge(names[row["a"]], names[row["b"]], bits=row["bits"])
        assert row["bits"] == pytest.approx(plain_bits(found, row["a"], row["b"]), rel=1e-4)
    cuts = (
        set(nx.articulation_points(graph)) if len(pack.parts) == 1 or not any(one.weak for one in pack.bonds) else set()
    )
    assert {one.account_id for one in pack.brokers} >= cuts or len(pack.brokers) == 10
    for one in pack.discounts:
        thing = (one.type, one.id)
        rest: nx.Graph[str] = nx.Graph()
        rest.add_nodes_from(names)
        for a, b in graph.edges:
            bits = plain_bits(found, names.index(a), names.index(b), without=thing)
            if bits >= BITS_MIN:
                rest.add_edge(a, b)
        weak = [bond for bond in pack.bonds if bond.weak and all(why.id != one.id for why in bond.reasons)]
        if not weak:
            assert one.held_without == max(len(part) for part in nx.connected_components(rest))


def plain_bits(found: Material, a: int, b: int, without: tuple[str, str] | None = None) -> float:
    """Bits of a pair, thing by thing."""
    things = found.things.to_pylist()
    left: dict[int, dict[int, float]] = defaultdict(dict)
    for row in found.holds.to_pylist():
        left[row["account"]][row["thing"]] = row["left"]
    parts: dict[str, list[float]] = defaultdict(list)
    for place in left[a].keys() & left[b].keys():
        thing = things[place]
        if thing["degree"] < HUB_CUT and (thing["type"], thing["id"]) != without:
            parts[weight_of(thing["type"]).group].append(thing["bits"] * min(left[a][place], left[b][place]))
    return sum(max(one) + min(max(one), REMAINDER * (sum(one) - max(one))) for one in parts.values())


def test_material_is_that_of_the_cluster_alone_and_comes_back_from_disk(tmp_path: Path) -> None:
    seen = view(
        tmp_path / "w", shared({("device", "d1"): ["a", "c", "e"], ("ip", "i"): ["b", "c", "d"], ("ip", "j"): CAMPUS})
    )
    clusters = np.array(
        [{"a": 0, "c": 0, "e": 0, "b": 1, "d": 1}.get(name, -1) for name in seen.accounts["account_id"].to_pylist()],
        np.int32,
    )
    whole = material_of(seen, clusters, pairs(seen))
    write_material(tmp_path / "packs" / "one", whole)
    first, second = (read_material(tmp_path / "packs" / "one", ordinal) for ordinal in range(2))
    assert first.members["account_id"].to_pylist() == ["a", "c", "e"]
    assert second.members["account_id"].to_pylist() == ["b", "d"]
    assert list(zip(*(first.pairs[end].to_pylist() for end in ("a", "b")), strict=True)) == list(
        combinations(range(3), 2)
    )
    assert first.things["id"].to_pylist() == ["d1"]
    assert (
        first.holds["left"].to_pylist() == decay_of(pa.chunked_array([["device"] * 3]), np.zeros(3, np.int64)).tolist()
    )
    assert (second.things["id"].to_pylist(), second.things["degree"].to_pylist()) == (["i"], [3])
    assert [table.num_rows for table in vars(read_material(tmp_path / "packs" / "one", 9)).values()] == [0] * len(
        vars(whole)
    )
    with pytest.raises(NotFound, match="graphsvc detect"):
        read_material(tmp_path / "packs" / "two", 0)


def test_sweeping_keeps_what_is_read_and_what_is_being_written(tmp_path: Path) -> None:
    for name in ("now", "last", "older", ".next.unfinished-1"):
        (tmp_path / name).mkdir()
    sweep(tmp_path, {"now", "last"})
    assert {path.name for path in tmp_path.iterdir()} == {"now", "last", ".next.unfinished-1"}
    sweep(tmp_path / "nowhere", set())
