"""The format of situations: what is read, and what is refused with which words."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from inference.scale import Level
from tests.judgement.grounds import GROUNDS
from tests.judgement.shipped import held_out, tuned
from tests.judgement.situations import MalformedSituations, load

CALLER = {
    "name": "A caller",
    "camera": "front",
    "at": "14:02",
    "seen": [{"person": ["0 gate", "4 front door", "20 front door", "25 gate"]}],
    "expect": "low",
    "because": "A caller.",
}
PAIR = {"name": "By night", "fact": "hour", "of": "A caller", "but": {"at": "02:00"}, "then": "higher"}


def written(folder: Path, content: object) -> Path:
    path = folder / "home.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


def refused(folder: Path, content: object) -> str:
    with pytest.raises(MalformedSituations) as refusal:
        load("home", [written(folder, content)])
    assert str(folder / "home.yaml") in str(refusal.value)
    return str(refusal.value)


def test_a_situation_is_read_with_everything_told(tmp_path: Path) -> None:
    told = CALLER | {"usual": {"person": "27/28"}, "home": "nobody", "expect": "low-medium", "score": "15-25"}
    (situation,) = load("home", [written(tmp_path, {"situations": [told]})]).situations
    assert situation.seen[0].label == "person"
    assert situation.seen[0].path[1] == (4.0, "front door")
    assert situation.usual == {"person": (27, 28)}
    assert situation.expect == (Level.LOW, Level.MEDIUM)
    assert situation.score == (15, 25)
    assert not situation.is_benign and not situation.is_incident


def test_a_pair_differs_in_its_fact_only(tmp_path: Path) -> None:
    (pair,) = load("home", [written(tmp_path, {"situations": [CALLER], "pairs": [PAIR]})]).pairs
    assert (pair.first.at, pair.second.at) == ("14:02", "02:00")
    assert pair.first == pair.second.model_copy(update={"at": "14:02"})


def test_a_pair_adds_people_or_makes_all_less_sure(tmp_path: Path) -> None:
    more = PAIR | {"name": "Two", "fact": "count", "but": {"also": [{"person": ["0 gate", "9 path"]}]}}
    fainter = PAIR | {"name": "Faint", "fact": "confidence", "but": {"sure": 0.6}}
    pairs = load("home", [written(tmp_path, {"situations": [CALLER], "pairs": [more, fainter]})]).pairs
    assert [len(pair.second.seen) for pair in pairs] == [2, 1]
    assert pairs[1].second.seen[0].sure == 0.6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"camera": "roof"}, 'situation "A caller": camera: Input should be'),
        (
            {"seen": [{"unicorn": ["0 gate", "4 path"]}]},
            "seen 0: 'unicorn': needs exactly one class of person, bicycle",
        ),
        ({"seen": [{"person": ["0 gate", "4 moat"]}]}, "the front camera shows no 'moat'; it shows"),
        ({"seen": [{"person": ["gate"]}]}, "'gate' is no step such as"),
        ({"seen": [{"person": ["4 gate", "4 path"]}]}, "the seconds of a path must rise"),
        ({"seen": [{"person": ["0 away", "4 path"]}]}, "a path begins and ends in the picture"),
        (
            {"seen": [{"person": ["0 gate", "4 path"], "sure": 0.3}]},
            "seen 0 sure: Input should be greater than or equal",
        ),
        ({"seen": [{"person": ["0 gate", "4 path"], "mood": "bad"}]}, "seen 0 mood: Extra inputs are not permitted"),
        ({"seen": []}, "seen: Tuple should have at least 1 item"),
        ({"zones": ["Moat"]}, "the front camera has no zone 'Moat'; it has Front door"),
        ({"usual": {"unicorn": "1/28"}}, "usual: 'unicorn' is no class"),
        ({"usual": {"person": "29/28"}}, "usual person: '29/28': more days seen than watched"),
        ({"expect": "scary"}, "expect: 'scary' is no band"),
        ({"expect": "low-high"}, "expect: 'low-high' are not neighbours"),
        ({"score": "30-20"}, "score: '30-20' is no range of scores"),
        ({"at": 842}, "at: Input should be a valid string"),
        ({"at": "24:00"}, "at: String should match pattern"),
        ({"wind": "strong"}, "wind: Extra inputs are not permitted"),
        ({"stills": [0], "clips": [[0, 5]]}, "a camera sends stills or clips, not both"),
        ({"incident": True}, "an incident is never expected to be low"),
        ({"every": float("nan")}, "every: Input should be"),
        ({"seen": [{"person": ["0 gate", "1900 path"]}]}, "a visit lasts 1800 s at most"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_situation(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    assert message in refused(tmp_path, {"situations": [CALLER | change]})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"of": "Nobody"}, "pair \"By night\": there is no situation 'Nobody'"),
        ({"fact": "zone"}, "a pair about zone changes camera, seen, zones and nothing else"),
        ({"but": {}}, "a pair about hour changes at and nothing else"),
        ({"but": {"at": "late"}}, 'pair "By night": at: String should match pattern'),
        ({"then": "spookier"}, "then: Input should be"),
        ({"fact": "count", "but": {"also": 3}}, "also is no list"),
    ],
)
def test_what_is_wrong_with_a_pair_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    assert message in refused(tmp_path, {"situations": [CALLER], "pairs": [PAIR | change]})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("situations: [", "is no YAML"),
        ("- 1", "needs `situations:`"),
        ("weather: rain", "'weather' is not known here"),
        ("situations: 3", "situations is no list"),
        ("situations: [3]", "entry 1 of situations is no mapping"),
        ("{}", "there is no situation in it"),
        ("a: !!timestamp x", "is no YAML"),
        ("[" * 5000, "is no YAML"),
        ("\x00", "is no YAML"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: str, message: str) -> None:
    assert message in refused(tmp_path, content)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path, Path("\0")):
        with pytest.raises(MalformedSituations, match="cannot be read"):
            load("home", [path])


def test_a_name_is_used_once(tmp_path: Path) -> None:
    assert "the name is taken" in refused(tmp_path, {"situations": [CALLER, CALLER]})


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.text(max_size=12)
    | st.sampled_from(
        ["0 gate", "4 path", "30 away", "front", "drawn", "none", "low-medium", "27/28", "hour", "A caller"]
    )
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3), max_leaves=8
)
NEARLY = st.dictionaries(st.sampled_from([*CALLER, "zones", "usual", "home", "stills", "clips", "every"]), ANYTHING)
NEARLY_PAIR = st.dictionaries(st.sampled_from([*PAIR]), ANYTHING)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("situations")


def read_or_refused(path: Path) -> None:
    with suppress(MalformedSituations):
        load("home", [path])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(change=NEARLY, pair=NEARLY_PAIR)
def test_any_content_is_read_or_refused(folder: Path, change: dict[str, Any], pair: dict[str, Any]) -> None:
    content = {"situations": [CALLER, {**CALLER, "name": "Another", **change}], "pairs": [{**PAIR, **pair}]}
    read_or_refused(written(folder, content))


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@example(content=b"!!int ''")
@example(content=b"!!bool x")
@example(content=b"2020-99-99")
@example(content=b"&a [*a]")
def test_any_bytes_are_read_or_refused(folder: Path, content: bytes) -> None:
    path = folder / "bytes.yaml"
    path.write_bytes(content)
    read_or_refused(path)


# The situations that come with the project


def test_there_are_hundreds_a_third_of_them_held_out_and_as_many_kinds_in_both() -> None:
    tuning, held = tuned(), held_out()
    both = len(tuning.situations) + len(held.situations)
    assert both >= 200 and len(held.situations) >= 0.3 * both
    assert len(tuning.pairs) + len(held.pairs) >= 60
    assert not {one.name for one in tuning.situations} & {one.name for one in held.situations}
    for part in (tuning, held):
        assert {situation.camera for situation in part.situations} == set(GROUNDS)
        assert {level for situation in part.situations for level in situation.expect} == set(Level)
        assert {situation.zones == "none" for situation in part.situations} == {True, False}
        assert {situation.home for situation in part.situations} == {None, "nobody", "somebody"}
        by_fact = [pair.fact for pair in part.pairs]
        assert {fact: by_fact.count(fact) >= 3 for fact in by_fact} == dict.fromkeys(
            ["hour", "zone", "persistence", "count", "confidence", "rarity"], True
        )


def test_the_readme_names_every_spot_and_zone() -> None:
    readme = (Path(__file__).parent / "README.md").read_text()
    rows = {line.split("|")[1].strip(): line for line in readme.splitlines() if line.startswith("|")}
    for place, grounds in GROUNDS.items():
        for spot in grounds.spots:
            assert re.search(rf"[|,] {spot}[ ,]", rows[place]), (place, spot)
        for zone in grounds.zones:
            assert zone.fact.name in rows[place]


def test_the_example_of_the_readme_can_be_judged(tmp_path: Path) -> None:
    readme = (Path(__file__).parent / "README.md").read_text()
    example, pair = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    (situation,) = load("home", [written(tmp_path, example)]).situations
    assert situation.expect == (Level.HIGH,) and situation.is_incident
    assert [told["fact"] for told in yaml.safe_load(pair)["pairs"]] == ["hour"]
