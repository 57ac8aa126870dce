"""What became of the language model's look at a visit, in words. The page of one visit says it."""

from __future__ import annotations

from collections.abc import Sequence

from accounts.models import User
from events.asking import STAGE, is_wanted
from events.assessment import reading_of
from events.cards import is_by_model
from events.models import Assessment, Event
from telemetry.models import Pause


def sentence(user: User, event: Event, history: Sequence[Assessment]) -> str:
    """Empty where the model has said its word, or none is asked."""
    reading = reading_of(history)
    stands = "its reading before that stands." if is_by_model(reading) else "this is the rules’ score."
    if event.analysis_state == Event.AnalysisState.FAILED:
        return f"The language model gave no reading ({_last_error(history)}); {stands}"
    if not is_wanted():
        return ""
    if event.analysis_claim_id is not None:
        return f"The language model is looking at it now; until then {stands}"
    if event.analysis_state == Event.AnalysisState.PENDING:
        return _why_it_waits(user, stands) or _not_yet(history)
    if event.state == Event.State.OPEN and reading and not is_by_model(reading):
        return "The language model looks as soon as the visit has gone quiet."
    return ""


def _not_yet(history: Sequence[Assessment]) -> str:
    if any(one.source == Assessment.Source.LLM and not one.is_replay for one in history):
        return "More was seen since the language model looked; it looks again."
    return "The language model has not looked yet."


def _why_it_waits(user: User, stands: str) -> str:
    pause = Pause.objects.filter(stage=STAGE).first()
    if pause is None:
        return ""
    if not user.may_change():
        return f"The language model is not available; {stands}"
    why = pause.reason if pause.reason.endswith(("?", ".")) else f"{pause.reason}."
    return f"The language model is not available: {why} {stands[0].upper()}{stands[1:]}"


def _last_error(history: Sequence[Assessment]) -> str:
    failed = [one.error for one in history if one.error and not one.is_replay]
    return failed[-1].rstrip(".") if failed else "nothing is known of it"


def both_scores(history: Sequence[Assessment]) -> str:
    """The rules' and the model's own side by side, where there are both; and why the rules' stands, where it does."""
    newest = {one.source: one for one in history if reading_of([one])}  # oldest first in; neither failed nor replays
    rules, model = newest.get(Assessment.Source.RULES), newest.get(Assessment.Source.LLM)
    if rules is None or model is None or not is_by_model(model):
        return ""
    scores = f"Rules: {rules.score}. Model: {model.score}."
    if is_by_model(reading_of(history)):
        return scores
    if model.score is not None and rules.floor > model.score:
        return f"{scores} The rules’ score stands. {rules.floor_why}"
    return f"{scores} The rules’ score stands: more was seen after the model looked."
