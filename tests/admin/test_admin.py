"""The admin: every list and every page opens, facts stay facts, and only owners come in."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import security_site.urls  # noqa: F401  (registers every model)
from accounts.models import APIKey, AuditLog, HomeMode, Role, Scope, User
from alerts.models import Alert, AlertRule, Delivery, NotificationChannel
from cameras.ftp.accounts import give_account
from cameras.models import Camera, Capture, FTPAccount, FTPLogEntry
from detections.models import Detection
from events.models import Assessment, Batch, Event, PromptVersion
from events.prompts import active_prompt
from telemetry.heartbeat import beat
from telemetry.models import Heartbeat, Job, Pause
from tests.api.callers import caller
from tests.factories import (
    AssessmentFactory,
    CameraFactory,
    CaptureFactory,
    ChannelFactory,
    DeliveryFactory,
    FailedAssessmentFactory,
    IgnoredFileFactory,
    ZoneFactory,
)
from tests.people import make_key, make_user
from tests.visits import make_visit

pytestmark = pytest.mark.django_db
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
FACTS_OF_CAMERAS = (Capture, FTPAccount, FTPLogEntry, Detection, Event, Batch, Assessment)
READ_ONLY = (Alert, APIKey, AuditLog, Delivery, HomeMode, NotificationChannel, Heartbeat, Job, Pause, *FACTS_OF_CAMERAS)


@pytest.fixture
def owner() -> User:
    return make_user("olga")


@pytest.fixture
def client(owner: User, client: Client) -> Client:
    client.force_login(owner)
    client.post("/logout/")  # for a row of the audit trail
    client.force_login(owner)
    return client


@pytest.fixture
def rows() -> None:
    """At least one of everything."""
    event = make_visit(CameraFactory.create(id="front_door"), seen=("person", "car"))
    FailedAssessmentFactory.create(event=event, error="odd <b>bytes</b>", raw_answer="odd <b>bytes</b>")
    CaptureFactory.create(state="failed", error="odd <b>bytes</b>", camera_id="front_door")
    IgnoredFileFactory.create()
    give_account(Camera.objects.get(pk="front_door"))
    FTPLogEntry.objects.create(account_id="front_door", address="192.168.0.9", step="connected", sentence="Connected.")
    make_key(Scope.READ)
    beat("detect@home", "detect", {})
    Pause.objects.create(stage="detect", reason="no model")
    Job.objects.create(kind="cleanup")
    active_prompt()
    HomeMode.objects.create(mode="away")
    DeliveryFactory.create(alert__event=event, error="odd <b>bytes</b>", channel_name="front -x")
    ZoneFactory.create(name="Front <b>bytes</b>")


def address(model: type[models.Model], page: str, *arguments: object) -> str:
    return reverse(
        f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}",
        args=[quote(str(argument)) for argument in arguments],
    )


@pytest.mark.usefixtures("rows")
class TestPages:
    def test_every_model_has_its_pages(self) -> None:
        assert {model._meta.label for model in MODELS} == {
            "accounts.APIKey",
            "accounts.AuditLog",
            "accounts.HomeMode",
            "accounts.User",
            "alerts.Alert",
            "alerts.AlertRule",
            "alerts.Delivery",
            "alerts.NotificationChannel",
            "cameras.Camera",
            "cameras.Capture",
            "cameras.FTPAccount",
            "cameras.FTPLogEntry",
            "cameras.IgnoredFile",
            "detections.Detection",
            "events.Assessment",
            "events.Batch",
            "events.Event",
            "events.PromptVersion",
            "telemetry.Heartbeat",
            "telemetry.Job",
            "telemetry.Pause",
            "zones.Zone",
        }

    @pytest.mark.parametrize("model", MODELS)
    def test_its_list_opens_filters_and_searches(self, client: Client, model: type[models.Model]) -> None:
        shown = client.get(address(model, "changelist"))
        assert shown.status_code == 200 and shown.context["cl"].result_count > 0
        assert client.get(address(model, "changelist"), {"q": "front -x"}).status_code == 200
        page = shown.content.decode()
        for link in re.findall(r'href="(\?[^"]+)"', page):
            answer = client.get(address(model, "changelist") + link.replace("&amp;", "&"))
            assert answer.status_code == 200, link

    @pytest.mark.parametrize("model", MODELS)
    def test_a_row_opens(self, client: Client, model: type[models.Model]) -> None:
        row = model._default_manager.first()
        assert row is not None
        page = client.get(address(model, "change", row.pk))
        assert page.status_code == 200
        assert "<script>" not in page.content.decode() and " style=" not in page.content.decode()

    @pytest.mark.parametrize("model", READ_ONLY)
    def test_facts_are_neither_added_changed_nor_deleted(self, client: Client, model: type[models.Model]) -> None:
        row = model._default_manager.first()
        assert row is not None
        assert client.get(address(model, "add")).status_code == 403
        assert client.post(address(model, "change", row.pk), {}).status_code == 403
        assert client.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403

    @pytest.mark.parametrize("model", MODELS)
    @pytest.mark.parametrize("name", ["member", "viewer", "stranger", "read key"])
    def test_only_owners_come_in(self, model: type[models.Model], name: str) -> None:
        knock = caller(name)
        response = knock.get(address(model, "changelist"), follow=True)
        at_login = response.redirect_chain and response.request["PATH_INFO"] == "/login/"
        assert response.status_code == (200 if at_login else 403)
        assert at_login == (name in {"stranger", "read key"})

    def test_rows_link_to_each_other(self, client: Client) -> None:
        event, detection = Event.objects.get(), Detection.objects.earliest("id")
        capture = detection.capture
        for page, links in {
            address(Capture, "changelist"): [
                address(Detection, "changelist") + f"?capture__id__exact={capture.pk}",
                address(Event, "change", event.pk),
            ],
            address(Detection, "change", detection.pk): [
                address(Capture, "change", capture.pk),
                address(Event, "change", event.pk),
                f"/media/thumbnails/{detection.pk}",
            ],
            address(FTPAccount, "changelist"): [address(FTPLogEntry, "changelist") + "?account=front_door"],
            address(Event, "change", event.pk): [
                address(Detection, "change", detection.pk),
                address(Assessment, "changelist") + f"?event__id__exact={event.pk}",
            ],
        }.items():
            shown = client.get(page).content.decode()
            for link in links:
                assert f'"{link}"' in shown, (page, link)
                assert link.startswith("/media") or client.get(link).status_code == 200

    @pytest.mark.parametrize(
        ("model", "queries"),
        # session, user, messages' session write is none; then count, rows, and the choices of camera filters
        [(Capture, 6), (Detection, 6), (Event, 6), (Assessment, 5), (Batch, 6), (PromptVersion, 5)],
    )
    def test_the_number_of_queries_does_not_grow(
        self, client: Client, model: type[models.Model], queries: int, django_assert_max_num_queries: object
    ) -> None:
        for number in range(3):
            visit = make_visit(CameraFactory.create(), seen=("person", "car"))
            prompt = PromptVersion.objects.create(text=f"Judge {number}.", created_by=make_user(f"person {number}"))
            AssessmentFactory.create(event=visit, source="llm", prompt_version=prompt)
        assert callable(django_assert_max_num_queries)
        with django_assert_max_num_queries(queries):
            client.get(address(model, "changelist"))

    def test_names_are_text_not_markup(self, client: Client) -> None:
        for model in (Capture, Assessment):
            assert "<b>bytes" not in client.get(address(model, "changelist")).content.decode()
        failed = Assessment.objects.exclude(error="").get()
        assert "<b>bytes" not in client.get(address(Assessment, "change", failed.pk)).content.decode()


class TestRules:
    FORM = {
        "name": "Night",
        "severity": "high",
        "object_types": ["person"],
        "schedule": '{"days": ["mon"], "start_time": "22:00", "end_time": "06:00", "timezone": "UTC"}',
        "when": "any",
        "dedup_key_template": "{camera_id}",
        "cooldown_seconds": "0",
        "enabled": "on",
    }

    def test_one_is_written_changed_and_deleted(self, client: Client) -> None:
        zone, channel = ZoneFactory.create(), ChannelFactory.create()
        form = {**self.FORM, "zone_ids": [zone.pk], "channel_ids": [channel.pk]}
        assert client.post(address(AlertRule, "add"), form).status_code == 302
        rule = AlertRule.objects.get()
        assert (rule.cooldown_seconds, list(rule.zones.all()), list(rule.channels.all())) == (0, [zone], [channel])
        page = client.get(address(AlertRule, "change", rule.pk)).content.decode()
        assert "is seen in" in page and "between 22:00 and 06:00" in page
        assert client.post(address(AlertRule, "change", rule.pk), {**form, "channel_ids": []}).status_code == 302
        assert not rule.channels.exists() and rule.zones.exists()
        assert AuditLog.objects.get(action="rule_updated").details == {"channels": []}
        client.post(address(AlertRule, "delete", rule.pk), {"post": "yes"})
        assert not AlertRule.objects.exists() and AuditLog.objects.filter(action="rule_deleted").exists()

    def test_what_cannot_be_evaluated_is_refused(self, client: Client) -> None:
        camera, zone = CameraFactory.create(), ZoneFactory.create(name="Porch")
        for change, words in (
            ({"dedup_key_template": "{camera_id.x}"}, "no field of it"),
            ({"camera_ids": [camera.pk], "zone_ids": [zone.pk]}, "which this rule leaves out"),
            ({"schedule": "{}"}, "Write it as"),
        ):
            answer = client.post(address(AlertRule, "add"), {**self.FORM, **change})
            assert answer.status_code == 200 and words in answer.content.decode()
        assert not AlertRule.objects.exists()


class TestCameras:
    def change(self, client: Client, camera: Camera, **fields: str) -> int:
        form = {"name": camera.name, "place": camera.place, "timezone": "", "clock_offset": ""}
        return client.post(address(Camera, "change", camera.pk), form | fields).status_code

    def test_only_what_was_changed_is_written(self, client: Client) -> None:
        camera = CameraFactory.create(place="front", timezone="")
        Camera.objects.update(status="offline")
        assert self.change(client, camera, place="back", timezone="Europe/Berlin") == 302
        camera.refresh_from_db()
        assert (camera.place, camera.timezone, camera.status) == ("back", "Europe/Berlin", "offline")
        entry = AuditLog.objects.get(action="camera_updated")
        assert (entry.actor, entry.resource_id) == ("olga", camera.pk)
        assert entry.details == {"place": "back", "timezone": "Europe/Berlin"}

    def test_a_time_zone_nobody_knows_is_refused(self, client: Client) -> None:
        camera = CameraFactory.create()
        assert self.change(client, camera, timezone="Mars/Olympus") == 200
        camera.refresh_from_db()
        assert camera.timezone != "Mars/Olympus"

    def test_a_name_that_is_taken_is_refused_as_on_its_page(self, client: Client) -> None:
        CameraFactory.create(name="Gate")
        camera = CameraFactory.create(name="Door")
        assert self.change(client, camera, name="gate") == 200
        camera.refresh_from_db()
        assert camera.name == "Door"

    def test_they_are_put_away_and_brought_back_with_a_trace(self, client: Client) -> None:
        front = CameraFactory.create(id="front")
        CameraFactory.create(id="merged", deleted_at=timezone.now(), merged_into=front)
        selected = {"_selected_action": ["front", "merged"]}
        client.post(address(Camera, "changelist"), {"action": "put_selected_away"} | selected)
        assert not Camera.objects.filter(deleted_at=None).exists()
        client.post(address(Camera, "changelist"), {"action": "bring_selected_back"} | selected)
        assert Camera.objects.get(deleted_at=None) == front
        deeds = AuditLog.objects.filter(resource_type="camera").order_by("id")
        assert list(deeds.values_list("action", "resource_id")) == [
            ("camera_deleted", "front"),
            ("camera_restored", "front"),
        ]

    def test_whichever_cannot_come_back_says_why_and_keeps_no_other_from_it(self, client: Client) -> None:
        CameraFactory.create(id="shed", name="Gate")
        for camera_id, name in (("gate", "Gate"), ("porch", "Porch")):
            CameraFactory.create(id=camera_id, name=name, deleted_at=timezone.now())
        deed = {"action": "bring_selected_back", "_selected_action": ["gate", "porch"]}
        page = client.post(address(Camera, "changelist"), deed, follow=True).content.decode()
        assert "Another camera is called Gate now" in page and "Cameras brought back: 1." in page
        assert set(Camera.objects.filter(deleted_at=None).values_list("pk", flat=True)) == {"shed", "porch"}

    def test_no_secret_is_shown(self, client: Client) -> None:
        give_account(CameraFactory.create(id="gate"))
        account = FTPAccount.objects.get()
        assert account.password_hash not in client.get(address(FTPAccount, "change", "gate")).content.decode()


class TestPeople:
    def form(self, user: User, **fields: object) -> dict[str, object]:
        return {"username": user.username, "role": user.role, "camera_ids": "", "is_active": "on"} | fields

    def test_a_role_brings_its_rights(self, client: Client) -> None:
        mia = make_user("mia", Role.MEMBER)
        page = address(User, "change", mia.pk)
        assert client.post(page, self.form(mia, role="owner")).status_code == 302
        mia.refresh_from_db()
        assert (mia.role, mia.is_staff, mia.is_superuser) == ("owner", True, True)
        assert AuditLog.objects.get(action="user_updated").details == {"fields": ["role"]}
        client.post(page, self.form(mia, role="viewer", camera_ids="garage,porch"))
        mia.refresh_from_db()
        assert (mia.is_staff, mia.is_superuser, mia.camera_ids) == (False, False, ["garage", "porch"])

    def test_somebody_new_is_written_down(self, client: Client) -> None:
        password = "eleven green bottles"
        fields = {"username": "vera", "role": "viewer", "camera_ids": "porch", "usable_password": "true"}
        page = client.post(address(User, "add"), fields | {"password1": password, "password2": password})
        assert page.status_code == 302
        assert not User.objects.get(username="vera").is_staff
        assert AuditLog.objects.get(action="user_created").actor == "olga"

    @pytest.mark.parametrize("change", [{"role": "member"}, {"is_active": ""}])
    def test_the_last_owner_stays(self, client: Client, owner: User, change: dict[str, str]) -> None:
        assert client.post(address(User, "change", owner.pk), self.form(owner, **change)).status_code == 200
        assert client.post(address(User, "delete", owner.pk), {"post": "yes"}).status_code == 403
        owner.refresh_from_db()
        assert owner.is_owner and owner.is_active

    def test_one_of_two_owners_may_go(self, client: Client) -> None:
        other = make_user("otto")
        assert client.post(address(User, "delete", other.pk), {"post": "yes"}).status_code == 302

    def test_keys_are_revoked(self, client: Client) -> None:
        make_key(Scope.READ)
        key = APIKey.objects.get()
        client.post(address(APIKey, "changelist"), {"action": "revoke", "_selected_action": [key.pk]})
        key.refresh_from_db()
        assert not key.is_active
        assert AuditLog.objects.filter(action="api_key_revoked", resource_id=str(key.pk)).count() == 1

    def test_the_hash_of_a_key_is_not_shown(self, client: Client) -> None:
        make_key(Scope.READ)
        key = APIKey.objects.get()
        assert key.key_hash not in client.get(address(APIKey, "change", key.pk)).content.decode()


class TestPrompts:
    def write(self, client: Client, text: str, notes: str = "") -> int:
        return client.post(address(PromptVersion, "add"), {"text": text, "notes": notes}).status_code

    def choose(self, client: Client, *prompts: PromptVersion) -> str:
        deed = {"action": "make_active", "_selected_action": [prompt.pk for prompt in prompts]}
        return client.post(address(PromptVersion, "changelist"), deed, follow=True).content.decode()

    def test_a_new_one_begins_as_a_copy_and_is_sent_once_it_is_made_active(self, client: Client, owner: User) -> None:
        shipped = active_prompt()
        form = client.get(address(PromptVersion, "add")).context["adminform"].form
        assert form.get_initial_for_field(form.fields["text"], "text") == shipped.text
        assert self.write(client, shipped.text + "\r\nBe kind.", "kinder") == 302
        own = PromptVersion.objects.latest("pk")
        assert (own.text, own.notes, own.created_by) == (shipped.text + "\nBe kind.", "kinder", owner)
        assert active_prompt() == shipped
        assert f"Prompt {own.pk} is sent from the next visit on." in self.choose(client, own)
        assert active_prompt() == own
        assert f"Prompt {own.pk} is active already." in self.choose(client, own)
        deeds = AuditLog.objects.filter(resource_type="prompt").order_by("id")
        assert list(deeds.values_list("action", "resource_id", "actor")) == [
            ("prompt_created", str(own.pk), "olga"),
            ("prompt_activated", str(own.pk), "olga"),
        ]

    @pytest.mark.parametrize("text", ["", "x" * 8_001, "Judge\x1b."])
    def test_what_cannot_be_a_prompt_is_refused(self, client: Client, text: str) -> None:
        assert self.write(client, text) == 200
        assert not PromptVersion.objects.filter(is_shipped=False).exists()

    def test_one_is_chosen_not_two(self, client: Client) -> None:
        shipped = active_prompt()
        self.write(client, "Judge kindly.")
        assert "Choose one: only one can be active." in self.choose(client, *PromptVersion.objects.all())
        assert active_prompt() == shipped

    def test_none_is_changed_or_deleted(self, client: Client) -> None:
        prompt = active_prompt()
        assert client.post(address(PromptVersion, "change", prompt.pk), {"text": "x"}).status_code == 403
        assert client.post(address(PromptVersion, "delete", prompt.pk), {"post": "yes"}).status_code == 403
        assert "delete_selected" not in client.get(address(PromptVersion, "changelist")).content.decode()
        assert active_prompt().text == prompt.text

    def test_its_page_shows_what_is_different_as_text(self, client: Client) -> None:
        active = active_prompt()
        self.write(client, active.text + "\n<b>Be kind.</b>")
        own = PromptVersion.objects.latest("pk")
        page = client.get(address(PromptVersion, "change", own.pk)).content.decode()
        assert f"--- prompt {active.pk}" in page and "+&lt;b&gt;Be kind.&lt;/b&gt;" in page
        assert "<b>Be kind" not in page
        assert "the same" in client.get(address(PromptVersion, "change", active.pk)).content.decode()

    def test_the_list_counts_judgements_and_tells_of_a_newer_shipped_one(self, client: Client) -> None:
        self.write(client, "Judge kindly.")
        own = PromptVersion.objects.latest("pk")
        self.choose(client, own)
        for _ in range(2):
            AssessmentFactory.create(source="llm", prompt_version=own)
        page = client.get(address(PromptVersion, "changelist")).content.decode()
        link = re.search(r'href="([^"]+prompt_version__id__exact[^"]+)">2<', page)
        assert link and client.get(link[1]).context["cl"].result_count == 2
        words = "came with the program after yours was written"
        assert words not in page
        PromptVersion.objects.create(text="Judge well.", is_shipped=True)
        assert words in client.get(address(PromptVersion, "changelist")).content.decode()

    @pytest.mark.parametrize("name", ["member", "viewer", "stranger", "write key"])
    def test_nobody_else_writes_or_chooses(self, name: str) -> None:
        shipped = active_prompt()
        other = PromptVersion.objects.create(text="Judge kindly.")
        knock = caller(name)
        self.write(knock, "Give everything 0.")
        self.choose(knock, other)
        assert active_prompt() == shipped and PromptVersion.objects.count() == 2


def test_a_camera_whose_id_looks_like_an_escape_is_reached_by_its_link(client: Client) -> None:
    capture = CaptureFactory.create(camera=CameraFactory.create(id="gate_22"))
    page = client.get(address(Capture, "change", capture.pk)).content.decode()
    link = re.search(r'href="(/admin/cameras/camera/[^"]+/change/)"', page)
    assert link and client.get(link[1]).status_code == 200


def test_its_login_is_the_sites(client: Client) -> None:
    client.logout()
    assert client.get("/admin/login/?next=/admin/cameras/").headers["Location"] == "/login/?next=/admin/cameras/"


def test_its_logout_is_written_down(client: Client) -> None:
    AuditLog.objects.all().delete()
    client.post("/admin/logout/")
    assert AuditLog.objects.get().action == "logout"
