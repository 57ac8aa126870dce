from __future__ import annotations

from inference.protocols import EventContext, Verdict


class RulesAnalyst:
    name = "rules"

    def assess(self, context: EventContext) -> Verdict:
        raise RuntimeError
