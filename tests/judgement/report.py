"""Prints what was measured: a confusion table, the rates, and every situation where analyst and householder differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table

from inference.protocols import Verdict
from inference.scale import RISK_BANDS, Level
from tests.judgement.measure import Judged, Measured
from tests.judgement.situations import Situation

WIDTH = 100
LARGEST_PARTS = 4


def console() -> Console:
    """Its lines are no longer than 100 columns, and read as well in a pipe."""
    out = Console(highlight=False, markup=False, emoji=False)
    out.width = WIDTH if not out.is_terminal else min(out.width, WIDTH)
    return out


def tell(out: Console, measured: Measured) -> None:
    _line(out, f"\n{measured.name}")
    out.print(_confusion(measured.situations))
    _line(out, f"band agreement {measured.agreement}")
    _line(out, f"false alarms {measured.false_alarms}")
    _line(out, f"incidents caught {measured.caught}")
    _line(out, f"pairs in order {measured.in_order}")
    _line(out, f"one band expected {measured.agreement_on_one}")
    _line(out, f"scores at their reference points {measured.near_reference}")
    if refused := sum(judged.verdict is None for judged in measured.situations):
        _line(out, f"answers that could not be kept {refused}")
    if ungrounded := sum(not judged.verdict.grounded for judged in measured.situations if judged.verdict):
        _line(out, f"answers that told what was not detected, judged by the rules instead {ungrounded}")
    _tell_differences(out, measured)


def _line(out: Console, text: str) -> None:
    """However wide: it is also read by programs."""
    out.print(text, soft_wrap=True)


def _confusion(judged: Iterable[Judged]) -> Table:
    counts = Counter((one.situation.expect, one.given) for one in judged)
    table = Table(title="expected ↓   given →", title_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("")
    given: list[Level | None] = [band.level for band in RISK_BANDS]
    if any(level is None for _, level in counts):
        given.append(None)
    for level in given:
        table.add_column(level or "none", justify="right")
    order = [band.level for band in RISK_BANDS]
    for expected in sorted({expect for expect, _ in counts}, key=lambda expect: [order.index(one) for one in expect]):
        table.add_row(" or ".join(expected), *(str(counts[expected, level] or "·") for level in given))
    return table


def _tell_differences(out: Console, measured: Measured) -> None:
    differ = [judged for judged in measured.situations if not judged.is_agreed]
    if differ:
        table = Table(title="judged otherwise than expected", title_justify="left", box=box.SIMPLE_HEAD)
        for column in ("expected", "given", "situation", "largest parts"):
            table.add_column(column, overflow="fold")
        for judged in differ:
            table.add_row(_expected(judged.situation), _given(judged.verdict), judged.situation.name, _parts(judged))
        out.print(table)
    for pair in measured.pairs:
        if not pair.is_in_order:
            scores = f"{_given(pair.first)}, then {_given(pair.second)}; expected {pair.pair.then}"
            _line(out, f"out of order ({pair.pair.fact}): {pair.pair.name}: {scores}")


def _expected(situation: Situation) -> str:
    return " or ".join(situation.expect)


def _given(verdict: Verdict | None) -> str:
    return "no answer" if verdict is None else str(verdict.score)


def _parts(judged: Judged) -> str:
    if judged.verdict is None:
        return ""
    largest = sorted(judged.verdict.parts, key=lambda part: -abs(part.points))[:LARGEST_PARTS]
    return "; ".join([f"{part.points:+d} {part.why}" for part in largest] + _limit(judged.verdict))


def _limit(verdict: Verdict) -> list[str]:
    """The one that the points ran into."""
    if verdict.score > verdict.raw_score:
        return [verdict.floor_why]
    return [verdict.ceiling_why] if verdict.score < verdict.raw_score and verdict.ceiling_why else []
