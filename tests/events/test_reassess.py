"""`manage.py reassess`: visits judged again for comparison, and nothing of them changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings
from time_machine import TimeMachineFixture

from events.cards import cards_of
from events.management.commands import reassess as command
from events.models import Assessment, Event, PromptVersion
from events.moves import BIN, Move, bin_name, bin_of, lines_of, signed
from events.placing import place_detected
from events.prompts import active_prompt
from events.reassessing import CannotReassess, moment_of
from inference.analysts.rules import MODEL, RulesAnalyst
from inference.protocols import EventContext, Verdict
from inference.scale import Level, level_of
from tests.events.rows import NOON, Seen, detected, make_camera
from tests.factories import CameraFactory
from tests.inference.llm_server import BROKEN_JSON, FAILS, HALLUCINATED, LlmServer, judges, llm_server

pytestmark = pytest.mark.django_db
NOW = NOON + timedelta(hours=12)


@pytest.fixture(autouse=True)
def clock(time_machine: TimeMachineFixture) -> None:
    time_machine.move_to(NOW)


@pytest.fixture
def model(settings: Settings) -> Iterator[LlmServer]:
    with llm_server(judges(score=20)) as server:
        settings.CONFIG = settings.CONFIG.model_copy(update={"ANALYST": "llm", "LLM_URL": server.url, "LLM_MODEL": ""})
        yield server


def visits(count: int, camera_id: str = "front_door", at: datetime = NOON) -> list[Event]:
    """Visits as the program makes them, 10 minutes after one another, oldest first."""
    camera = make_camera(camera_id)
    for number in range(count):
        for second in (0, 5):
            detected(camera, at + timedelta(minutes=10 * number, seconds=second), [Seen()])
        place_detected(camera.pk)
    return list(Event.objects.filter(camera=camera).order_by("pk"))


def rows() -> list[Any]:
    """Every column of every visit."""
    return list(Event.objects.order_by("pk").values())


def shown_as_judged_by() -> list[str]:
    return [card.by_whom for card in cards_of(list(Event.objects.all()))]


def reassess(*arguments: str, since: str = "2d") -> str:
    out = StringIO()
    call_command("reassess", "--since", since, *arguments, stdout=out)
    return out.getvalue()


def replays() -> list[Assessment]:
    return list(Assessment.objects.filter(is_replay=True).order_by("pk"))


class TestReplays:
    def test_nothing_of_a_visit_changes(self, model: LlmServer) -> None:
        visits(2)
        Event.objects.update(reviewed=True, reviewed_at=NOON, notes="the postman")
        before = rows()
        reassess()
        assert rows() == before
        assert shown_as_judged_by() == ["rules", "rules"]
        assert [(one.score, one.source, one.prompt_version) for one in replays()] == [(20, "llm", active_prompt())] * 2
        one = replays()[0]
        assert (one.detection_count, one.prompt_tokens, one.cached_tokens) == (2, 1200, 900)
        assert one.raw_answer

    def test_the_model_is_told_what_the_chosen_prompt_says(self, model: LlmServer) -> None:
        visits(1)
        active_prompt()
        other = PromptVersion.objects.create(text="Judge as a lighthouse keeper would.")
        reassess("--prompt", str(other.pk))
        assert "Judge as a lighthouse keeper would." in model.requests[-1].system
        assert replays()[0].prompt_version == other
        reassess()
        assert "lighthouse" not in model.requests[-1].system

    def test_a_model_can_be_tried_before_it_is_in_use(self, model: LlmServer, settings: Settings) -> None:
        visits(1)
        settings.CONFIG = settings.CONFIG.model_copy(update={"ANALYST": "rules"})
        reassess()
        assert [one.source for one in replays()] == ["llm"]

    def test_the_rules_can_judge_again(self) -> None:
        (event,) = visits(1)
        assert f"1 visit, judged again by {MODEL}." in reassess("--analyst", "rules")
        (replay,) = replays()
        assert (replay.source, replay.score, replay.prompt_version) == ("rules", event.risk_score, None)

    def test_a_second_run_goes_on_where_the_first_was(self, model: LlmServer) -> None:
        visits(3)
        reassess("--limit", "2")
        assert "3 visits" in reassess()
        assert len(replays()) == len(model.requests) == 3

    def test_a_visit_that_grew_is_judged_again(self, model: LlmServer) -> None:
        visits(1)
        reassess()
        detected(make_camera(), NOON + timedelta(seconds=20))
        place_detected("front_door")
        reassess()
        assert [one.detection_count for one in replays()] == [2, 3]

    def test_an_answer_that_cannot_be_kept_is_a_failed_replay(self, model: LlmServer) -> None:
        first, second = visits(2)
        model.answers(judges(score=20), BROKEN_JSON)
        before = rows()
        printed = reassess()
        assert rows() == before
        assert f"Answers that could not be kept: 1 (events {first.pk})." in printed
        kept, failed = replays()
        assert kept.event == second and failed.event == first and failed.score is None and failed.error
        assert "visits               1" in printed

    def test_scores_that_are_the_rules_own_are_counted(self, model: LlmServer) -> None:
        visits(2)
        model.answers(judges(score=20), HALLUCINATED)
        assert "Told what was not detected, so that the rules' score is compared: 1." in reassess()

    def test_a_model_out_of_reach_stops_it_with_what_was_done(self, model: LlmServer) -> None:
        visits(3)
        model.answers(judges(score=20), FAILS)
        out = StringIO()
        with pytest.raises(CommandError, match=r"Stopped: .*1 of 3 are kept; the same command goes on") as stop:
            call_command("reassess", "--since", "2d", stdout=out)
        assert stop.value.returncode == 1
        assert "1 visit, judged again by" in out.getvalue() and "How the scores moved" in out.getvalue()
        assert len(replays()) == 1

    def test_an_interrupt_keeps_what_was_done_and_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        visits(3)
        judge = RulesAnalyst.assess

        def impatient(analyst: RulesAnalyst, context: EventContext) -> Verdict:
            if len(replays()) == 2:
                raise KeyboardInterrupt
            return judge(analyst, context)

        monkeypatch.setattr(RulesAnalyst, "assess", impatient)
        out = StringIO()
        with pytest.raises(CommandError, match=r"Interrupted\. 2 of 3 are kept") as stop:
            call_command("reassess", "--since", "2d", "--analyst", "rules", stdout=out)
        assert stop.value.returncode == command.INTERRUPTED
        assert "2 visits" in out.getvalue() and len(replays()) == 2

    def test_a_visit_that_goes_meanwhile_is_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        visits(1)
        judge = RulesAnalyst.assess

        def slow(analyst: RulesAnalyst, context: EventContext) -> Verdict:
            Event.objects.all().delete()
            return judge(analyst, context)

        monkeypatch.setattr(RulesAnalyst, "assess", slow)
        printed = reassess("--analyst", "rules")
        assert "0 visits" in printed and "No score to compare." in printed


class TestWhich:
    @pytest.fixture(autouse=True)
    def some(self) -> None:
        visits(3)
        visits(1, "garden", NOON - timedelta(days=3))

    def judged(self, *arguments: str, since: str) -> set[tuple[str, datetime]]:
        reassess("--analyst", "rules", *arguments, since=since)
        return {(one.event.camera_id, one.event.started_at) for one in replays()}

    def at(self, minutes: int) -> tuple[str, datetime]:
        return ("front_door", NOON + timedelta(minutes=minutes))

    def test_by_time(self) -> None:
        # noon is 13:00 at home, in Berlin
        found = self.judged("--until", "2026-03-04 13:20", since="2026-03-04T13:05")
        assert found == {self.at(10)}

    def test_by_camera_id_or_name(self) -> None:
        assert self.judged("--camera", "garden", since="7d") == {("garden", NOON - timedelta(days=3))}
        CameraFactory.create(id="shed", name="Old shed")
        visits(1, "shed")
        assert ("shed", NOON) in self.judged("--camera", "old SHED", since="7d")

    def test_the_newest_of_them(self) -> None:
        assert self.judged("--limit", "2", since="24h") == {self.at(10), self.at(20)}

    def test_by_level(self) -> None:
        Event.objects.filter(started_at=NOON).update(risk_score=70)
        assert self.judged("--level", "high", since="24h") == {self.at(0)}

    def test_what_was_deleted_is_left_out(self) -> None:
        Event.objects.filter(started_at=NOON).update(deleted_at=NOW)
        assert self.judged(since="24h") == {self.at(10), self.at(20)}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "yesterday"], "'yesterday' is no time: write 2026-11-01"),
        (["--since", "2026-13-01"], "is no time"),
        (["--since", "2d", "--until", "3d"], "--until lies before --since"),
        (["--since", "2d", "--camera", "nowhere"], "No camera is called nowhere."),
        (["--since", "2d", "--limit", "0"], "--limit is 1 or more."),
        (["--since", "2d", "--prompt", "99"], "There is no prompt 99; there are: "),
        (["--since", "2d", "--analyst", "rules", "--prompt", "1"], "The rules take no prompt."),
        (["--since", "2d"], "No language model can be asked: neither LLM_MODEL nor LLM_URL is set. --analyst rules"),
        (["--since", "2d", "--analyst", "rules"], "No visit is like that."),
    ],
)
def test_what_cannot_be_done_is_said_in_words(arguments: list[str], words: str, settings: Settings) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"ANALYST": "auto", "LLM_URL": "", "LLM_MODEL": ""})
    active_prompt()
    with pytest.raises(CommandError) as problem:
        call_command("reassess", *arguments)
    assert words in str(problem.value)
    assert problem.value.returncode == 1


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("24 h", NOW - timedelta(hours=24)),
        ("2026-11-01", datetime(2026, 10, 31, 23, tzinfo=UTC)),  # midnight at home, in Berlin
        ("2026-11-01 14:00", datetime(2026, 11, 1, 13, tzinfo=UTC)),
        ("2026-11-01T14:00Z", datetime(2026, 11, 1, 14, tzinfo=UTC)),
    ],
)
def test_a_time_is_understood(text: str, moment: datetime) -> None:
    assert moment_of(text, NOW) == moment


@given(st.text(max_size=20))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    with suppress(CannotReassess):
        assert moment_of(text, NOW).tzinfo is not None


SCORES = st.integers(0, 100)


class TestMoves:
    def test_they_are_counted_and_drawn(self) -> None:
        moves = [Move(1, 44, 18), Move(2, 44, 44), Move(3, 20, 31), Move(4, 90, 20), Move(5, 20, 10)]
        text = "\n".join(lines_of(moves))
        assert text == EXPECTED

    def test_no_visit_moved_is_no_list_of_moves(self) -> None:
        assert "Largest moves" not in "\n".join(lines_of([Move(1, 20, 20)]))

    @given(st.lists(st.tuples(SCORES, SCORES), min_size=1, max_size=40))
    def test_every_visit_is_counted_once_everywhere(self, scores: list[tuple[int, int]]) -> None:
        moves = [Move(number, before, after) for number, (before, after) in enumerate(scores)]
        lines = list(lines_of(moves))
        counts = {line[:16].strip(): line[16:].strip() for line in lines[1:7]}
        assert sum(int(counts[name]) for name in ("up", "down", "the same")) == len(moves)
        levels = lines[lines.index("Levels: from the row's to the column's") + 2 :][: len(Level)]
        for level, line in zip(Level, levels, strict=True):
            row = sum(int(cell) for cell in line.split()[1:] if cell != "·")
            assert row == sum(level_of(before) == level for before, _ in scores)
        start = lines.index("Moves") + 1
        bars = [line.split() for line in lines[start : lines.index("", start) if "" in lines[start:] else None]]
        assert sum(int(bar[1]) for bar in bars) == len(moves)
        assert all((len(bar) == 3) == (bar[1] != "0") for bar in bars)

    @given(st.integers(-100, 100))
    def test_a_move_lies_in_its_bin(self, move: int) -> None:
        number = bin_of(move)
        assert (number > 0) == (move > 0) and (number < 0) == (move < 0)
        assert abs(number) * BIN - BIN < abs(move) <= abs(number) * BIN or move == 0
        assert bin_of(-move) == -number

    def test_a_bin_has_a_name(self) -> None:
        assert [bin_name(number) for number in (-2, -1, 0, 1)] == ["−20…−11", "−10…−1", "0", "+1…+10"]

    @pytest.mark.parametrize(("value", "text"), [(-0.04, "0.0"), (0, "0.0"), (2.55, "+2.5"), (-19, "−19.0")])
    def test_a_mean_has_its_sign(self, value: float, text: str) -> None:
        assert signed(value, 1) == text


EXPECTED = """\
How the scores moved
  visits               5
  mean move        −19.0
  median move      −10.0
  up                   1
  down                 3
  the same             1

Levels: from the row's to the column's
                   low    medium      high  critical
  low                1         1         ·         ·
  medium             1         1         ·         ·
  high               ·         ·         ·         ·
  critical           1         ·         ·         ·

Moves
     −70…−61       1  ████████████████████████████████████████
     −60…−51       0
     −50…−41       0
     −40…−31       0
     −30…−21       1  ████████████████████████████████████████
     −20…−11       0
      −10…−1       1  ████████████████████████████████████████
           0       1  ████████████████████████████████████████
      +1…+10       0
     +11…+20       1  ████████████████████████████████████████

Largest moves
  event 4         90 → 20    −70
  event 1         44 → 18    −26
  event 3         20 → 31    +11
  event 5         20 → 10    −10"""
