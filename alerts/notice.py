"""What a notice says: of a visit, for the channel's service to show. Called when it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urljoin

from django.conf import settings
from django.utils import timezone

from alerts.models import Alert, Delivery
from cameras.models import OLD_AT_ARRIVAL
from cameras.pictures import read_preview
from cameras.stored_files import NotThere
from cameras.words import age_words, clock_words
from events.cards import Card, cards_of, on_preview
from events.models import Event
from inference.scale import Level
from security_site.addresses import lan_url, own_url
from security_site.config import Config

MOST_REASONS = 2


@dataclass(frozen=True)
class Notice:
    title: str
    body: str
    picture: bytes | None = None
    """A JPEG."""
    severity: str = ""
    """Empty: a test."""

    @property
    def text(self) -> str:
        return f"{self.title}\n{self.body}"


def notice_of(delivery: Delivery) -> Notice:
    """As the visit is now. Four queries, and a file."""
    if delivery.alert is None:
        return _test_notice(delivery)
    alert = delivery.alert
    (card,) = cards_of([alert.event])
    return Notice(_title(delivery, alert), _body(alert, card), _picture(alert.event), alert.severity)


def link_to(path: str) -> str:
    """The address of one of our pages as the reader of a notice can open it."""
    config: Config = settings.CONFIG
    base = config.SITE_URL or lan_url(config.HOST, config.PORT) or own_url(config.HOST, config.PORT)
    return urljoin(base.rstrip("/") + "/", path.lstrip("/"))


def _test_notice(delivery: Delivery) -> Notice:
    body = f"This is a test of “{delivery.channel_name}”. Notices of visits will come here, too."
    return Notice("Home Security Intelligence: a test", f"{body}\n\n{link_to('/channels/')}")


def _title(delivery: Delivery, alert: Alert) -> str:
    event = alert.event
    level = Level(delivery.severity).value
    rise = delivery.kind == Delivery.Kind.UPDATE
    clock = clock_words(_seen_at(alert), event.camera.zone)
    return f"{f'Now {level}' if rise else level.capitalize()} · {event.camera.name}, {clock}"


def _body(alert: Alert, card: Card) -> str:
    reasons = _reasons(card)
    lines = (
        card.event.summary,
        f"Seen {age_words(_seen_at(alert))}." if _is_late(alert) else "",
        f"Why: {'; '.join(reasons)}." if reasons else "",
        f"Rule: {alert.rule.name if alert.rule else alert.metadata.get('rule', '')}",
    )
    return "\n".join(filter(None, lines)) + f"\n\n{link_to(card.event.get_absolute_url())}"


def _reasons(card: Card) -> list[str]:
    """The largest parts of the score, in words."""
    raising = [part for part in (card.assessment.parts if card.assessment else []) if part["points"] > 0]
    largest = sorted(raising, key=lambda part: part["points"], reverse=True)[:MOST_REASONS]
    return [str(part["why"]) for part in largest]


def _seen_at(alert: Alert) -> datetime:
    """When that was seen which met the rule."""
    seen_at = alert.metadata.get("seen_at")
    return datetime.fromisoformat(seen_at) if seen_at else alert.event.started_at


def _is_late(alert: Alert) -> bool:
    return timezone.now() - _seen_at(alert) > OLD_AT_ARRIVAL


def _picture(event: Event) -> bytes | None:
    """The deciding picture without boxes, else its thumbnail; none where the file is gone."""
    key = event.key_detection
    if key is None:
        return None
    paths = [key.capture.preview_path] if on_preview([key]) else []
    for path in (*paths, key.thumbnail_path):
        if path:
            try:
                return read_preview(path)
            except NotThere:
                continue
    return None
