"""Two cameras made one: every row moves, later files follow, and whatever is under way meanwhile ends up there too."""

from __future__ import annotations

import threading
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import AuditLog, Role
from cameras.claims import Claim, claim_captures, reject_claimed
from cameras.hiding import CannotComeBack, bring_back
from cameras.importing import import_older
from cameras.intake import Outcome, take_in
from cameras.models import Camera, CameraQuerySet, Capture, FTPAccount, IgnoredFile
from cameras.scan import Scanner
from cameras.uploads import camera_folder
from detections.detect import detect_queued
from detections.models import Detection
from events.merging import MergeRefused, merge_camera
from events.models import Batch, Event, EventDetection
from events.placing import close_due_batches, place_detected
from inference.protocols import Box, Image
from system.verification import verify
from telemetry.heartbeat import beat
from tests.api.callers import caller
from tests.detections.conftest import ScriptedDetector
from tests.detections.conftest import detector as detector
from tests.events.rows import Seen, detected, make_camera
from tests.factories import CameraFactory, CaptureFactory, IgnoredFileFactory, ZoneFactory
from tests.files import drop, picture_bytes
from tests.people import make_user
from tests.threads import at_once as together
from tests.visits import make_visit

pytestmark = pytest.mark.django_db

MOVED = {"captures", "ignored_files", "detections", "events", "batches", "zones"}
STAYING = {"ftp_account", "merged_cameras", "_alerts_alertrule_cameras_+"}  # a rule follows the merge itself


@pytest.fixture
def gate() -> Camera:
    return make_camera("gate")


@pytest.fixture
def front() -> Camera:
    return make_camera("front_door")


@pytest.fixture
def root(data_dir: Path) -> Path:
    return data_dir / "cameras"


def of(camera: Camera) -> dict[str, int]:
    """How many rows name the camera."""
    return {name: getattr(camera, name).count() for name in sorted(MOVED)}


class TestRows:
    def test_nothing_names_the_merged_one_any_more(self, gate: Camera, front: Camera) -> None:
        make_visit(gate, seen=("person", "car"))
        CaptureFactory.create(camera=gate, state="queued")
        IgnoredFileFactory.create(camera=gate)
        make_visit(front)
        ZoneFactory.create(camera=gate)
        assert merge_camera(gate, front, None) == 3
        assert set(of(gate).values()) == {0}
        assert of(front) == {"captures": 4, "ignored_files": 1, "detections": 3, "events": 2, "batches": 2, "zones": 1}
        gate.refresh_from_db()
        assert gate.merged_into == front and gate.deleted_at

    def test_every_relation_to_a_camera_is_known_here(self) -> None:
        """Whoever adds one decides in `events.merging` whether its rows move."""
        assert {relation.get_accessor_name() for relation in Camera._meta.related_objects} == MOVED | STAYING

    def test_it_is_written_down(self, gate: Camera, front: Camera) -> None:
        make_visit(gate)
        merge_camera(gate, front, None)
        entry = AuditLog.objects.get()
        assert (entry.action, entry.resource_id) == ("camera_merged", "gate")
        assert entry.details == {"into": "front_door", "captures": 1, "events": 1}

    def test_its_ftp_account_goes_on(self, gate: Camera, front: Camera) -> None:
        FTPAccount.objects.create(camera=gate, user="gate", password_hash="x")
        merge_camera(gate, front, None)
        assert FTPAccount.objects.get().camera == gate

    def test_what_was_merged_into_it_before_goes_along(self, gate: Camera, front: Camera) -> None:
        yard = make_camera("yard")
        make_visit(gate)
        merge_camera(gate, front, None)
        merge_camera(front, yard, None)
        assert set(Camera.objects.filter(merged_into=yard)) == {gate, front}
        assert (of(front)["captures"], of(yard)["captures"]) == (0, 1)

    def test_it_has_reported_when_either_did(self, gate: Camera, front: Camera) -> None:
        now = timezone.now()
        Camera.objects.filter(pk="gate").update(last_seen_at=now, status="online")
        Camera.objects.filter(pk="front_door").update(last_seen_at=now - timedelta(days=3), status="offline")
        merge_camera(gate, front, None)
        front.refresh_from_db()
        assert (front.last_seen_at, front.status) == (now, "online")

    def test_older_files_of_both_wait_together(self, gate: Camera, front: Camera) -> None:
        now = timezone.now()
        Camera.objects.filter(pk="gate").update(older_files=60, skip_before=now, first_scanned_at=now)
        Camera.objects.filter(pk="front_door").update(older_files=70, skip_before=now, first_scanned_at=now)
        merge_camera(gate, front, None)
        front.refresh_from_db()
        assert front.older_files == 130
        assert import_older(front, None) == 130
        assert not Camera.objects.exclude(skip_before=None).exists()


class TestRefusals:
    def test_a_camera_into_itself(self, gate: Camera) -> None:
        with pytest.raises(MergeRefused, match="into itself"):
            merge_camera(gate, gate, None)

    def test_one_that_was_merged(self, gate: Camera, front: Camera) -> None:
        merge_camera(gate, front, None)
        for source, target in ((gate, make_camera("yard")), (make_camera("yard"), gate)):
            with pytest.raises(MergeRefused, match="Gate was merged into Front door already"):
                merge_camera(source, target, None)

    def test_into_one_that_was_put_away(self, gate: Camera) -> None:
        away = CameraFactory.create(name="Shed", deleted_at=timezone.now())
        with pytest.raises(MergeRefused, match="Shed was put away"):
            merge_camera(gate, away, None)

    def test_one_that_another_is_merged_into_at_this_very_moment(
        self, gate: Camera, front: Camera, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its row may be held by somebody who waits for ours: to wait for that one would be for ever."""
        make_camera("yard")
        lock = CameraQuerySet.locked

        def lock_later(self: CameraQuerySet, camera_id: str) -> CameraQuerySet:
            Camera.objects.filter(pk="yard").update(merged_into=gate)
            return lock(self, camera_id)

        monkeypatch.setattr(CameraQuerySet, "locked", lock_later)
        with pytest.raises(MergeRefused, match="merged into Gate at this very moment"):
            merge_camera(gate, front, None)
        assert not Camera.objects.filter(merged_into=front).exists()

    def test_there_is_no_way_back(self, gate: Camera, front: Camera) -> None:
        merge_camera(gate, front, None)
        with pytest.raises(CannotComeBack, match="merged into Front door"):
            bring_back(gate, None)


class TestPages:
    def test_visits_an_open_page_may_show_have_changed(self, gate: Camera, front: Camera) -> None:
        now = timezone.now()
        recent = make_visit(gate, at=now - timedelta(hours=2), risk_score=5)
        waiting = make_visit(gate, at=now - timedelta(days=20), risk_score=70)
        old = make_visit(gate, at=now - timedelta(days=20), risk_score=5)
        before = timezone.now()
        merge_camera(gate, front, None)
        changed = set(Event.objects.filter(changed_at__gte=before))
        assert changed == {recent, waiting}
        assert {event.revision for event in Event.objects.all()} == {recent.revision + 1}
        assert {event.camera for event in (Event.objects.get(pk=old.pk), Event.objects.get(pk=waiting.pk))} == {front}

    def test_viewers_of_the_one_are_not_let_in_at_the_other_but_named(
        self, gate: Camera, front: Camera, client: Client
    ) -> None:
        make_visit(gate)
        vera = make_user("vera", Role.VIEWER, ["gate"])
        make_user("both", Role.VIEWER, ["gate", "front_door"])
        make_user("neither", Role.VIEWER, ["shed"])
        client.force_login(make_user())
        page = client.post("/cameras/gate/merge/", {"target": "front_door"}, follow=True).content.decode()
        assert "sees neither now: vera. You can allow it" in page
        assert not Event.objects.for_user(vera).exists() and not Camera.objects.for_user(vera).exists()

    def test_nothing_is_said_where_everybody_goes_on_seeing_it(
        self, gate: Camera, front: Camera, client: Client
    ) -> None:
        client.force_login(make_user())
        page = client.post("/cameras/gate/merge/", {"target": "front_door"}, follow=True).content.decode()
        assert "sees neither" not in page


class TestPlacing:
    def test_its_open_batch_is_closed_and_the_other_stays_open(self, gate: Camera, front: Camera) -> None:
        for camera in (gate, front):
            detected(camera, 0)
            place_detected(camera.pk)
        mine, others = Batch.objects.get(camera=gate), Batch.objects.get(camera=front)
        merge_camera(gate, front, None)
        mine.refresh_from_db()
        assert (mine.state, mine.event.state, mine.close_reason, mine.camera) == ("closed", "closed", "idle", front)
        others.refresh_from_db()
        assert (others.state, others.event.state) == ("open", "open")

    def test_what_was_not_placed_is_placed_with_the_other(self, gate: Camera, front: Camera) -> None:
        detected(front, 0)
        place_detected(front.pk)
        detected(gate, 20)
        merge_camera(gate, front, None)
        assert place_detected("gate") == 0
        assert place_detected("front_door") == 1
        assert Event.objects.get().memberships.count() == 2

    @hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        before=st.lists(st.tuples(st.booleans(), st.integers(0, 900)), min_size=1, max_size=12),
        after=st.lists(st.tuples(st.integers(0, 900), st.sampled_from([1, 2, 300])), min_size=1, max_size=8),
    )
    def test_whatever_the_two_had_what_comes_later_is_placed_once(
        self, before: list[tuple[bool, int]], after: list[tuple[int, int]]
    ) -> None:
        with transaction.atomic():
            gate, front = make_camera("gate"), make_camera("front_door")
            for is_mine, moment in before:
                camera = gate if is_mine else front
                detected(camera, moment)
                place_detected(camera.pk)
            merge_camera(gate, front, None)
            for moment, count in after:
                detected(front, moment, [Seen()] * count)
                place_detected(front.pk)

            assert not Capture.objects.unplaced().exists()
            assert EventDetection.objects.count() == Detection.objects.count()
            for batch in Batch.objects.all():
                assert batch.camera == front and batch.event.camera == front
                assert batch.memberships.count() == batch.detection_count > 0
                assert (batch.last_activity_at - batch.started_at).total_seconds() <= 90
                seen = batch.memberships.values_list("detection__capture__captured_at", flat=True)
                assert (min(seen), max(seen)) == (batch.started_at, batch.last_activity_at)
                assert set(batch.memberships.values_list("event_id", flat=True)) == {batch.event_id}
            assert Batch.objects.filter(state="open").count() <= 1
            open_events = set(Event.objects.filter(state="open").values_list("pk", flat=True))
            assert open_events == set(Batch.objects.filter(state="open").values_list("event_id", flat=True))
            Batch.objects.update(last_placed_at=timezone.now() - timedelta(minutes=2))
            close_due_batches()
            assert not Event.objects.filter(state="open").exists()
            transaction.set_rollback(True)


class TestFilesAfterwards:
    @pytest.fixture
    def merged(self, root: Path) -> Camera:
        """front_door, to which the folder Gate belongs, too: with one picture of each and one file that is ignored."""
        take_in(drop(root / "Gate", "a.jpg", picture_bytes(1)))
        take_in(drop(root / "Gate", "notes.txt", b"hello"))
        take_in(drop(root / "front_door", "a.jpg", picture_bytes(2)))
        front = Camera.objects.get(pk="front_door")
        merge_camera(Camera.objects.get(pk="gate"), front, None)
        return front

    def test_they_are_the_other_s(self, merged: Camera, root: Path) -> None:
        assert take_in(drop(root / "Gate", "b.jpg", picture_bytes(3))) is Outcome.TAKEN
        assert take_in(drop(root / "gate", "c.txt", b"hi")) is Outcome.IGNORED
        assert set(Capture.objects.values_list("camera", flat=True)) == {"front_door"}
        assert set(IgnoredFile.objects.values_list("camera", flat=True)) == {"front_door"}
        assert Camera.objects.count() == 2

    def test_those_taken_in_before_are_known_without_reading_them(
        self, merged: Camera, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delattr("cameras.media.inspect")
        assert take_in(root / "Gate" / "a.jpg") is Outcome.KNOWN
        assert {path.name for path in Scanner(root).full()} == {"notes.txt"}
        assert Capture.objects.count() == 2

    def test_one_that_is_gone_is_ignored_no_longer(self, merged: Camera, root: Path) -> None:
        (root / "Gate" / "notes.txt").unlink()
        assert take_in(root / "Gate" / "notes.txt") is Outcome.GONE
        assert not IgnoredFile.objects.exists()

    def test_the_same_picture_from_both_folders_is_a_duplicate(self, merged: Camera, root: Path) -> None:
        take_in(drop(root / "Gate", "again.jpg", picture_bytes(2)))
        assert Capture.objects.latest("id").state == "duplicate"

    def test_pictures_added_by_hand_go_to_the_other_s_folder(self, merged: Camera, root: Path) -> None:
        assert camera_folder("gate") == root / "front_door"

    def test_many_old_ones_are_offered_on_the_other_s_page(
        self, merged: Camera, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("cameras.scan.OLD_AT_FIRST_SCAN", timedelta(seconds=-5))  # all files count as old
        monkeypatch.setattr("cameras.scan.MANY_OLD_FILES", 2)
        for number, name in enumerate(("b.jpg", "c.jpg", "d.jpg")):
            drop(root / "Gate", name, picture_bytes(4 + number))
        scanner = Scanner(root)
        list(scanner.full())
        merged.refresh_from_db()
        assert (merged.older_files, merged.skip_before) == (3, None)
        import_older(merged, None)
        assert "b.jpg" in {path.name for path in scanner.changed()}

    def test_a_disk_that_dropped_off_under_the_other_s_folder_is_noticed(self, merged: Camera, root: Path) -> None:
        Capture.objects.update(arrived_at=timezone.now() - timedelta(days=4))
        (root / "Gate" / "a.jpg").unlink()
        emptied = next(finding for finding in verify(repair=False).findings if finding.kind == "emptied_folders")
        assert emptied.names == ["Gate"]

    def test_nothing_is_wrong_with_it(self, merged: Camera, detector: ScriptedDetector) -> None:
        beat("worker", "detect", {})
        detect_queued("worker", 10)
        place_detected(merged.pk)
        assert Detection.objects.filter(camera=merged).count() == 2
        assert verify(repair=False).met_nothing

    def test_one_whose_own_folder_never_held_a_file_misses_none(self, root: Path) -> None:
        take_in(drop(root / "Gate", "a.jpg", picture_bytes(1)))
        merge_camera(Camera.objects.get(pk="gate"), make_camera("front_door"), None)
        assert verify(repair=False).met_nothing

    def test_a_folder_of_it_that_is_away_is_told_of(self, merged: Camera, root: Path) -> None:
        (root / "Gate").rename(root.parent / "unplugged")
        folders = next(finding for finding in verify(repair=False).findings if finding.kind == "absent_folders")
        assert folders.names == ["camera folder Gate is missing or cannot be read: is its disk connected?"]


class TestUnderWay:
    """What a worker or the watcher had begun with the camera as it was."""

    def test_a_capture_that_is_being_looked_at(self, root: Path, front: Camera, detector: ScriptedDetector) -> None:
        beat("worker", "detect", {})
        take_in(drop(root / "gate", "a.jpg", picture_bytes(1)))

        def look(_: Image) -> list[Box]:
            merge_camera(Camera.objects.get(pk="gate"), front, None)
            return [Box("person", 0.8, 10, 20, 30, 60)]

        detector.answer = look
        detect_queued("worker", 1)
        assert Detection.objects.get().camera == Capture.objects.get().camera == front
        place_detected(front.pk)
        assert Event.objects.get().camera == front

    def test_one_that_is_rejected_leaves_its_place_to_a_duplicate(self, root: Path, front: Camera) -> None:
        beat("worker", "detect", {})
        take_in(drop(root / "gate", "a.jpg", picture_bytes(1)))
        claim = claim_captures("worker", 1)
        assert isinstance(claim, Claim)
        merge_camera(Camera.objects.get(pk="gate"), front, None)
        take_in(drop(root / "front_door", "b.jpg", picture_bytes(1)))
        with CaptureQueriesContext(connection) as queries:
            assert reject_claimed(claim, claim.captures[0], "gone")
        locks = [query["sql"] for query in queries if "FOR NO KEY UPDATE" in query["sql"]]
        assert "'front_door'" in locks[-1], "the lock under which intake looks for the first of two equal pictures"
        assert set(Capture.objects.values_list("file_path", "state")) == {
            ("gate/a.jpg", "rejected"),
            ("front_door/b.jpg", "queued"),
        }

    def test_a_file_whose_camera_is_merged_between_two_looks(
        self, root: Path, front: Camera, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = drop(root / "gate", "a.jpg", picture_bytes(1))
        note = drop(root / "gate", "a.txt", b"hello")

        def merged_meanwhile(folder: str) -> Camera:
            return make_camera("gate")

        merge_camera(make_camera("gate"), front, None)
        monkeypatch.setattr("cameras.intake.camera_for", merged_meanwhile)
        take_in(path)
        take_in(note)
        assert Capture.objects.get().camera == IgnoredFile.objects.get().camera == front


at_once = partial(together, refusal=MergeRefused)


def take_in_all(paths: list[Path]) -> None:
    for path in paths:
        take_in(path)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_in_opposite_directions_do_not_wait_for_each_other(self) -> None:
        for number in range(5):
            one, other = make_camera(f"one_{number}"), make_camera(f"other_{number}")
            make_visit(one)
            make_visit(other)
            answers = at_once(
                partial(merge_camera, one, other, None),
                partial(merge_camera, other, one, None),
            )
            assert sorted(type(answer).__name__ for answer in answers) == ["MergeRefused", "int"]
            (living,) = Camera.objects.filter(pk__in=[one.pk, other.pk], deleted_at=None)
            assert of(living)["captures"] == 2

    def test_one_after_another_while_files_come_in(self, root: Path) -> None:
        gate, yard, front = make_camera("gate"), make_camera("yard"), make_camera("front_door")
        paths = [drop(root / "gate", f"{number}.jpg", picture_bytes(number)) for number in range(30)]

        def merge_both() -> None:
            merge_camera(gate, yard, None)
            merge_camera(yard, front, None)

        at_once(merge_both, *(partial(take_in_all, paths[start::3]) for start in range(3)))
        assert (of(front)["captures"], of(yard)["captures"], of(gate)["captures"]) == (30, 0, 0)

    def test_whatever_the_others_do_every_file_ends_up_with_the_other(
        self, root: Path, front: Camera, detector: ScriptedDetector
    ) -> None:
        beat("worker 1", "detect", {})
        beat("worker 2", "detect", {})
        paths = [drop(root / "gate", f"{number}.jpg", picture_bytes(number)) for number in range(60)]
        notes = [drop(root / "gate", f"{number}.txt", b"x") for number in range(30)]
        for path in paths[:20]:
            take_in(path)

        def detect_and_place(worker: str) -> None:
            for _ in range(15):
                detect_queued(worker, 4)
                place_detected("gate")
                place_detected("front_door")

        def merge() -> int:
            threading.Event().wait(0.15)
            return merge_camera(Camera.objects.get(pk="gate"), front, None)

        at_once(
            lambda: take_in_all(paths[20:]),
            lambda: take_in_all(notes),
            lambda: detect_and_place("worker 1"),
            lambda: detect_and_place("worker 2"),
            merge,
        )
        detect_and_place("worker 1")
        assert set(of(Camera.objects.get(pk="gate")).values()) == {0}
        assert of(front)["captures"] == of(front)["detections"] == 60
        assert of(front)["ignored_files"] == 30
        assert EventDetection.objects.filter(event__camera=front, batch__camera=front).count() == 60
        assert Batch.objects.filter(state="open").count() <= 1


class TestView:
    @pytest.mark.parametrize(("name", "status"), [("owner", 302), ("member", 403), ("viewer", 403), ("stranger", 302)])
    def test_owners_alone(self, gate: Camera, front: Camera, name: str, status: int) -> None:
        response = caller(name).post("/cameras/gate/merge/", {"target": "front_door"}, format="multipart")
        gate.refresh_from_db()
        assert response.status_code == status
        assert (gate.merged_into == front) == (name == "owner")
        if status == 302:
            there = "/cameras/front_door/" if name == "owner" else "/login/?next=/cameras/gate/merge/"
            assert response.headers["Location"] == there

    def test_it_says_what_became_of_it(self, gate: Camera, front: Camera, client: Client) -> None:
        client.force_login(make_user())
        page = client.post("/cameras/gate/merge/", {"target": "front_door"}, follow=True)
        assert page.redirect_chain == [("/cameras/front_door/", 302)]
        assert "Gate is part of Front door now" in page.content.decode()
        assert client.get("/cameras/gate/").status_code == 404

    def test_a_refusal_is_a_sentence(self, gate: Camera, client: Client) -> None:
        client.force_login(make_user())
        page = client.post("/cameras/gate/merge/", {"target": "gate"}, follow=True)
        assert "cannot be merged into itself" in page.content.decode()

    @pytest.mark.parametrize("target", ["", "nobody", "shed"])
    def test_there_must_be_such_a_camera(self, gate: Camera, client: Client, target: str) -> None:
        CameraFactory.create(id="shed", deleted_at=timezone.now())
        client.force_login(make_user())
        assert client.post("/cameras/gate/merge/", {"target": target}).status_code == 404

    def test_only_by_pressing_a_button_of_ours(self, gate: Camera, front: Camera) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(make_user())
        assert browser.post("/cameras/gate/merge/", {"target": "front_door"}).status_code == 403
        assert browser.get("/cameras/gate/merge/").status_code == 405

    def test_a_viewer_of_neither_is_not_told_that_they_exist(self, gate: Camera, front: Camera, client: Client) -> None:
        client.force_login(make_user("vera", Role.VIEWER, []))
        assert client.post("/cameras/nobody/merge/", {"target": "gate"}).status_code == 403
