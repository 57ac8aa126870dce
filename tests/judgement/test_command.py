"""`make judge`: what it prints and how it ends, and that the rules keep what is promised."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from inference.analysts.rules import RulesAnalyst
from inference.protocols import AnswerRefused, Effort, EngineUnavailable, EventContext, Verdict
from tests.inference.ordinary_week import levels, ordinary_week
from tests.judgement import __main__ as command
from tests.judgement.measure import Shares, measure
from tests.judgement.shipped import held_out, tuned

RATES = ("band agreement", "false alarms", "incidents caught", "pairs in order")
RATE = re.compile(r"\d+\.\d % \(\d+\.\d–\d+\.\d, \d+ of \d+\)")
HOME = """
situations:
- name: A caller
  camera: front
  at: "14:02"
  seen: [{person: [0 gate, 4 front door, 20 front door, 25 gate]}]
  expect: EXPECT
  because: A caller.
pairs:
- {name: By night, fact: hour, of: A caller, but: {at: "02:00"}, then: higher}
"""


class Frightened(RulesAnalyst):
    """Finds everything critical."""

    def assess(self, context: EventContext) -> Verdict:
        return replace(super().assess(context), score=100)


class Mute(RulesAnalyst):
    """Never answers in a way that can be kept."""

    def assess(self, context: EventContext) -> Verdict:
        raise AnswerRefused("no JSON", raw_answer="?", model="mute", effort=Effort())


class Liar(RulesAnalyst):
    """Tells what nobody detected, so that the rules' reading stands."""

    def assess(self, context: EventContext) -> Verdict:
        return replace(super().assess(context), grounded=False)


class Absent(RulesAnalyst):
    def assess(self, context: EventContext) -> Verdict:
        raise EngineUnavailable("the model is not there")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home.yaml"
    path.write_text(HOME.replace("EXPECT", "low"))
    return path


def judge_with(monkeypatch: pytest.MonkeyPatch, analyst: RulesAnalyst) -> None:
    monkeypatch.setattr(command, "analyst_named", lambda name: analyst)


def test_the_rules_keep_what_is_promised_and_every_line_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    for heading in ("tuned", "held out"):
        under = lines[lines.index(heading) :]
        for name in RATES:
            line = next(line for line in under if line.startswith(name))
            assert RATE.fullmatch(line.removeprefix(f"{name} "))
    assert "ordinary week" in lines
    assert lines[-1] == "All as promised."
    assert max(map(len, lines)) <= 100


def test_what_is_held_out_keeps_its_thresholds() -> None:
    held = measure(RulesAnalyst(), held_out())
    assert held.agreement.percent >= 85
    assert held.false_alarms.percent <= 5
    assert held.caught.percent >= 90
    assert held.in_order.percent >= 95
    assert held.broken_promises == []


def test_an_analyst_that_finds_everything_critical_breaks_the_promises(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judge_with(monkeypatch, Frightened())
    assert command.main([]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("Not as promised: band agreement under 85 %; false alarms over 5 %; pairs in order")
    assert "an ordinary week with zones drawn worries too much" in last


def test_answers_that_cannot_be_kept_agree_with_nobody(home: Path) -> None:
    measured = measure(Mute(), tuned())
    assert measured.agreement.hits == measured.caught.hits == measured.in_order.hits == 0
    assert measured.false_alarms.hits == 0


def test_the_week_of_an_analyst_whose_answers_cannot_be_kept_is_the_rules(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judge_with(monkeypatch, Mute())
    assert command.main([]) == 1
    printed = capsys.readouterr().out
    assert f"answers that could not be kept {len(tuned().situations)}" in printed
    assert f"zones drawn, four weeks learned: {Shares(levels(RulesAnalyst(), ordinary_week()))}" in printed


def test_scores_that_are_the_rules_own_are_not_passed_off_as_a_models(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judge_with(monkeypatch, Liar())
    command.main([str(home)])
    assert "answers that told what was not detected, judged by the rules instead 1" in capsys.readouterr().out


def test_a_file_of_ones_own_is_judged_under_its_name_and_promises_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judge_with(monkeypatch, Frightened())
    assert command.main([str(home)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "home.yaml" in lines and "held out" not in lines
    assert "band agreement 0.0 % (0.0–79.3, 0 of 1)" in lines
    assert "false alarms 100.0 % (20.7–100.0, 1 of 1)" in lines
    assert "incidents caught – (0 of 0)" in lines
    assert "pairs in order 0.0 % (0.0–79.3, 0 of 1)" in lines
    assert any("A caller" in line and "100" in line for line in lines)


@pytest.mark.parametrize("paths", [["home.yaml"], ["none.yaml"]])
def test_a_malformed_file_ends_with_2_and_a_message(
    paths: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home.yaml").write_text(HOME.replace("EXPECT", "scary"))
    assert command.main([str(tmp_path / path) for path in paths]) == 2
    told = capsys.readouterr().err
    assert paths[0] in told and "Traceback" not in told


def test_an_analyst_that_cannot_run_ends_with_2_and_says_why(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    judge_with(monkeypatch, Absent())
    assert command.main([str(home)]) == 2
    assert capsys.readouterr().err == "the model is not there\n"


def test_an_unknown_analyst_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["--analyst", "oracle"])
    assert ended.value.code == 2
    assert "rules" in capsys.readouterr().err
