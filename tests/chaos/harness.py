"""One run of the fault harness: files keep arriving, kills keep coming, and at the end everything is counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from tests.alerts.services import Hook, waits, webhook
from tests.chaos.feeder import Feeder, write_like_a_camera
from tests.chaos.footage import Plan, PlannedFile, live_files
from tests.chaos.kills import VICTIMS, Victim
from tests.chaos.problems import Kind, Problem
from tests.chaos.seen import OpenPage, Seen, is_idle, look_at
from tests.chaos.uploader import Uploader, sign_up
from tests.chaos.verify import problems
from tests.inference.llm_server import GOOD, MODEL, after, llm_server
from tests.stack import Stack, eventually

SETTINGS = {"INCOMPLETE_SECONDS": "6", "BATCH_IDLE_SECONDS": "5", "ALLOW_PRIVATE_TARGETS": "1"}
"""Shorter waits than at home, so that the end comes soon; and notices go to this machine."""
MODEL_THINKS_S = 1.5
SERVICE_TAKES_S = 1.0
DROPPED_BEFORE_THE_START = 10
IDLE_WITHIN_S = 240


@dataclass(frozen=True)
class Report:
    kills: Counter[str]
    seen: Seen
    problems: list[Problem]
    duration_s: float

    def count(self, kind: Kind) -> int:
        return sum(problem.kind is kind for problem in self.problems)


@contextmanager
def stack_to_torment(folder: Path) -> Iterator[Stack]:
    """Not started yet; beside it the server of a language model that takes its time and always answers well."""
    with llm_server(after(MODEL_THINKS_S, GOOD)) as model:
        stack = Stack(folder / "data", **SETTINGS, LLM_URL=model.url, LLM_MODEL=MODEL)
        try:
            yield stack
        finally:
            stack.stop()


def torment(stack: Stack, plan: Plan, kills: int, pause_s: tuple[float, float], tell: Callable[[str], None]) -> Report:
    """Start the stack, feed and kill it, let it come to rest, and look. The stack is left running.

    Before each kill comes a picture of now, which somebody is told of.
    """
    with webhook(waits(SERVICE_TAKES_S)) as service:
        live = live_files(plan.seed, kills)
        return _torment(stack, replace(plan, files=(*plan.files, *live)), live, service, pause_s, tell)


def _torment(
    stack: Stack,
    plan: Plan,
    live: Sequence[PlannedFile],
    service: Hook,
    pause_s: tuple[float, float],
    tell: Callable[[str], None],
) -> Report:
    kills = len(live)
    began = time.monotonic()
    dice = Random(plan.seed)
    root = stack.data_dir / "cameras"
    early = [file for file in plan.files if not file.by_ftp and file not in live][:DROPPED_BEFORE_THE_START]
    for file in early:
        write_like_a_camera(root, file)  # while nothing runs
    stack.start()
    stack.make_owner()
    _tell_everything_to(service, stack)
    feeder = Feeder(root, Uploader(sign_up(stack)))
    waiting = [file for file in plan.files if file not in early and file not in live]
    done: Counter[str] = Counter()
    for number, victim in enumerate(_one_after_another(dice, kills), start=1):
        pause = dice.uniform(*pause_s)
        feeder.drop(live[number - 1], after_s=dice.uniform(0, pause))
        for _ in range(-(-len(waiting) // (kills - number + 1))):
            feeder.drop(waiting.pop(0), after_s=dice.uniform(0, pause))
        time.sleep(pause)
        at_s = time.monotonic() - began
        what = victim.strike(stack, dice)
        done[victim.name] += 1
        tell(f"{at_s:7.1f} s  kill {number:3} of {kills}: {victim.name} ({what})")
    feeder.finish()
    deaf = _come_to_rest(stack, plan)
    told = {f"{request.json['title']}\n{request.json['message']}" for request in service.requests}
    seen = look_at(stack, deaf=deaf, kills=kills, unanswered=dict(feeder.uploader.unanswered), told=told)
    return Report(done, seen, problems(plan, seen), time.monotonic() - began)


def _tell_everything_to(service: Hook, stack: Stack) -> None:
    """A rule that every visit meets."""
    channel = stack.api.post("channels/", json={"name": "Service", "url": service.url}).json()["id"]
    rule = {"name": "Everything", "channels": [channel], "cooldown_seconds": 0}
    assert stack.api.post("alert-rules/", json=rule).is_success


def _one_after_another(dice: Random, kills: int) -> list[Victim]:
    """Every kind once in each round, the order of each round by chance."""
    order: list[Victim] = []
    while len(order) < kills:
        order += dice.sample(VICTIMS, len(VICTIMS))
    return order[:kills]


def _come_to_rest(stack: Stack, plan: Plan) -> list[str]:
    """Wait until all is done, then see one more file through page and socket; what did not answer."""
    deaf = [] if _is_idle_soon(stack, plan.files) else ["it did not come to rest after the last kill"]
    page = OpenPage(stack)
    page.sign_in()
    with page.listening(plan.last.camera):
        write_like_a_camera(stack.data_dir / "cameras", plan.last)
    if not _is_idle_soon(stack, plan.all_files):
        deaf.append("it did not come to rest after the last file")
    return [*deaf, *page.complaints]


def _is_idle_soon(stack: Stack, files: Iterable[PlannedFile]) -> bool:
    paths = [file.path for file in files]
    try:
        return eventually(lambda: is_idle(stack, paths), within_s=IDLE_WITHIN_S)
    except AssertionError:
        return False
