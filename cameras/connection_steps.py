"""The steps of a connection, from the listening server to the first visit: what happened, or what to do next.

For the live log of `cameras.live_log`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from cameras.ftp.parts import shown_name
from cameras.models import Camera, Capture, FTPAccount, FTPLogEntry, IgnoredFile
from cameras.receipts import Outcome, outcome_of
from cameras.tiles import has_picture, picture_url
from telemetry.models import Heartbeat

CAPTURES_LOOKED_AT = 20
TOLD_BY_THE_KERNEL = "told by the kernel"  # in the words of the watcher

Kind = FTPLogEntry.Step
Newest = dict[FTPLogEntry.Step, FTPLogEntry | None]


@dataclass(frozen=True)
class Step:
    """One line of the list. `sentence` says what happened or what to do next."""

    title: str
    sentence: str
    at: datetime | None = None
    has_failed: bool = False
    picture_url: str = ""
    event_id: int | None = None

    @property
    def is_done(self) -> bool:
        return self.at is not None and not self.has_failed


def ftp_steps(account: FTPAccount, strangers: Sequence[FTPLogEntry]) -> list[Step]:
    """Since the password was made: what was sent with another proves nothing of this one."""
    log = account.log.filter(at__gte=account.renewed_at).order_by("-id")
    newest = {kind: log.filter(step=kind).first() for kind in Kind}
    nameless = [entry for entry in strangers if entry.at >= account.renewed_at]
    return [_server_step(), _connection_step(newest, nameless), _login_step(newest, nameless), _file_step(newest)]


def _server_step() -> Step:
    title = "The server listens"
    beat = Heartbeat.objects.alive().filter(queue="ftp").order_by("-at").first()
    if beat is None:
        return Step(title, "The FTP server does not run. It is started again by itself within seconds.")
    if not beat.detail.get("is_wanted", True):
        return Step(title, "It begins within two seconds of the first account.")
    if why := beat.detail.get("why_not", ""):
        return Step(title, f"It does not listen: {why}", beat.at, has_failed=True)
    return Step(title, f"On {beat.detail.get('listening', '')}.", datetime.fromisoformat(beat.detail["since"]))


def _connection_step(newest: Newest, nameless: Sequence[FTPLogEntry]) -> Step:
    title = "The camera connects"
    entry = newest[Kind.CONNECTED] or newest[Kind.LOGGED_IN] or next(iter(nameless), None)
    if entry is None:
        return Step(title, "Type the values into the camera, save, and press Test there.")
    return Step(title, f"From {entry.address}", entry.at)


def _login_step(newest: Newest, nameless: Sequence[FTPLogEntry]) -> Step:
    title = "It signs in"
    login, refused = newest[Kind.LOGGED_IN], newest[Kind.REFUSED]
    if refused and _is_newer(refused, login) and (login is None or _connected_again(refused, login, newest, nameless)):
        return Step(title, refused.sentence, refused.at, has_failed=True)
    if login is not None:
        return Step(title, login.sentence, login.at)
    unknown = next((entry for entry in nameless if entry.step == Kind.REFUSED), None)
    return Step(title, f"{unknown.sentence}. Is that this camera?" if unknown else "With this user and password.")


def _connected_again(refused: FTPLogEntry, login: FTPLogEntry, newest: Newest, nameless: Sequence[FTPLogEntry]) -> bool:
    """Whether a new session was refused: in one that got in, it is something else than the password.

    A session is the camera's from its sign-in on; one that was refused connected namelessly.
    """
    connections = [entry for entry in (newest[Kind.CONNECTED], *nameless) if entry and entry.step == Kind.CONNECTED]
    return any(login.pk < entry.pk < refused.pk and entry.address == refused.address for entry in connections)


def _file_step(newest: Newest) -> Step:
    title = "A file arrives"
    received, lost, refused = newest[Kind.RECEIVED], newest[Kind.LOST], newest[Kind.REFUSED]
    if lost and _is_newer(lost, received):
        return Step(title, lost.sentence, lost.at, has_failed=True)
    if received is not None:
        return Step(title, received.sentence, received.at)
    if refused and newest[Kind.LOGGED_IN] and _is_newer(refused, newest[Kind.LOGGED_IN]):
        return Step(title, refused.sentence, refused.at, has_failed=True)
    return Step(title, "Press Test in the camera: most send a small text file.")


def _is_newer(entry: FTPLogEntry | None, other: FTPLogEntry | None) -> bool:
    return entry is not None and (other is None or entry.pk > other.pk)


def how_watched(watcher: Heartbeat) -> str:
    """How new files in the camera folders are noticed, as a sentence."""
    how = watcher.detail.get("how", "")
    if how == TOLD_BY_THE_KERNEL:
        return "New files are seen at once."
    return f"New files are found by {how}." if how else "New files are looked for."


def folder_steps(camera: Camera) -> list[Step]:
    beat = Heartbeat.objects.alive().filter(queue="watcher").order_by("-at").first()
    watched = (
        Step("The folder is watched", how_watched(beat), beat.started_at)
        if beat
        else Step("The folder is watched", "The watcher does not run. It is started again by itself within seconds.")
    )
    capture = camera.captures.order_by("-id").first()
    ignored = camera.ignored_files.order_by("-arrived_at").first()
    newest = max((file for file in (capture, ignored) if file), key=lambda file: file.arrived_at, default=None)
    if newest is None:
        return [watched, Step("A file is seen", "Put a picture into the folder above, or point the camera there.")]
    return [watched, Step("A file is seen", shown_name(newest.file_path), newest.arrived_at)]


def picture_steps(camera: Camera, account: FTPAccount | None) -> list[Step]:
    since = account.renewed_at if account else camera.created_at
    newest = camera.captures.select_related("duplicate_of").order_by("-id")[:CAPTURES_LOOKED_AT]
    captures = [capture for capture in newest if capture.arrived_at >= since]
    return [_picture_step(camera, captures), _visit_step(camera, captures, since)]


def _picture_step(camera: Camera, captures: Sequence[Capture]) -> Step:
    title = "A picture is taken in"
    taken = next((capture for capture in captures if capture.state != Capture.State.REJECTED), None)
    if taken is not None:
        return Step(
            title, taken.file_name, taken.arrived_at, picture_url=picture_url(taken) if has_picture(taken) else ""
        )
    if captures:
        newest = captures[0]
        return Step(title, f"{newest.file_name}: {outcome_of(newest, [])[1]}", newest.arrived_at, has_failed=True)
    ignored = camera.ignored_files.order_by("-arrived_at").first()
    if ignored is not None and ignored.kind == IgnoredFile.Kind.UNREADABLE:
        return Step(title, f"{ignored.file_path}: {ignored.reason}", ignored.arrived_at, has_failed=True)
    return Step(title, "Walk past the camera, or let it take a snapshot. Test files of text are not pictures.")


def _visit_step(camera: Camera, captures: Sequence[Capture], since: datetime) -> Step:
    title = "A visit is seen"
    event = camera.events.filter(deleted_at=None, created_at__gte=since).order_by("-id").first()
    if event is not None:
        url = reverse("thumbnail", args=[event.key_detection_id]) if event.key_detection_id else ""
        return Step(title, event.summary, event.created_at, picture_url=url, event_id=event.pk)
    for capture in captures:
        outcome, sentence = outcome_of(capture, [])
        if outcome in (Outcome.NOTHING, Outcome.FAILED):
            return Step(title, f"{capture.file_name}: {sentence}. Walk past the camera.")
    return Step(title, "Walk past the camera: somebody who is seen becomes a visit within seconds.")
