"""The FTP server alone, in the test's own process: limits and refusals that would take long to reach from outside."""

from __future__ import annotations

import ftplib
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from cameras import intake
from cameras.ftp import caller, desk, filesystem, limits, parts, reception, server, session, transfer
from cameras.ftp.accounts import give_account
from cameras.ftp.limits import Bucket, CameraLimits
from cameras.hiding import bring_back, put_away
from cameras.models import Camera, Capture, FTPLogEntry
from telemetry.models import Heartbeat
from tests.factories import DetectionFactory
from tests.files import picture_bytes
from tests.ftp.clients import CameraClient, answers, break_off, hang_up, store
from tests.ftp.conftest import NewServer
from tests.stack import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def home(settings: Settings) -> Path:
    return Path(settings.CAMERA_ROOT) / "front_door"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def pour(connection: socket.socket, flood: bytes) -> None:
    """Send the same again and again, until the other side has had enough."""
    with connection, suppress(OSError):
        for _ in range(10_000):
            connection.sendall(flood)
        raise AssertionError("it took all of it")


def noted(step: str, words: str) -> Callable[[], bool]:
    return lambda: FTPLogEntry.objects.filter(step=step, sentence__contains=words).exists()


def refusal(deed: Callable[..., object], *arguments: object, **options: object) -> str:
    """What the server answers when it does not do it."""
    with pytest.raises(ftplib.Error) as raised:
        deed(*arguments, **options)
    return str(raised.value)


class TestSize:
    def test_at_the_limit_a_file_is_taken(self, alone: NewServer, home: Path) -> None:
        content = picture_bytes(1)
        alone(max_bytes=len(content)).send("snap.jpg", content)
        assert (home / "snap.jpg").read_bytes() == content

    @pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
    def test_one_byte_more_is_rejected_recorded_and_removed(
        self, alone: NewServer, home: Path, encrypted: bool
    ) -> None:
        content = picture_bytes(1)
        camera = alone(max_bytes=len(content) - 1)
        with pytest.raises((ftplib.error_perm, ConnectionError)):  # whichever the client hears of first
            camera.send("a/snap.jpg", content, encrypted=encrypted)
        eventually(Capture.objects.filter(file_path="front_door/a/snap.jpg").exists)
        capture = Capture.objects.get()
        assert capture.state == "rejected" and "the limit is" in capture.error
        eventually(lambda: not list((home / "a").iterdir()))
        eventually(noted("refused", "snap.jpg is larger than"))
        camera.send("b.jpg", content[:-2])  # and the next is served

    def test_a_sender_that_never_ends_is_ended(self, alone: NewServer, home: Path) -> None:
        camera = alone(max_bytes=1_000_000)
        with camera.signed_in() as ftp:
            data = ftp.transfercmd("STOR endless.mp4")
            pour(data, b"\0" * 65_536)
            assert refusal(ftp.voidresp).startswith("552 ")
        eventually(lambda: Capture.objects.filter(file_path="front_door/endless.mp4", state="rejected").exists())
        eventually(lambda: names_in(home) == [])

    def test_while_the_database_is_away_it_is_kept_and_recorded_later(
        self, alone: NewServer, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from django.db import OperationalError

        away = Mock(side_effect=OperationalError("away"))
        record = intake.reject_upload
        monkeypatch.setattr(desk, "reject_upload", away)
        camera = alone(max_bytes=1000)
        refusal(camera.send, "snap.jpg", picture_bytes(1))
        eventually(lambda: away.called)
        assert len(names_in(home)) == 1
        monkeypatch.setattr(desk, "reject_upload", record)
        eventually(lambda: Capture.objects.filter(state="rejected").exists())
        eventually(lambda: names_in(home) == [])


def test_a_full_disk_takes_nothing_and_says_so(alone: NewServer, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setattr(reception, "disk_of", lambda path: SimpleNamespace(is_full=True))
    camera = alone()
    assert refusal(camera.send, "snap.jpg", picture_bytes(1)).startswith("452 ")
    eventually(noted("refused", "the disk is full"))
    assert names_in(home) == []


def test_a_disk_that_fills_up_meanwhile_breaks_the_upload_off(
    alone: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(arriving: filesystem.Arriving, chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    camera = alone()
    monkeypatch.setattr(filesystem.Arriving, "write", no_room)
    assert refusal(camera.send, "snap.jpg", picture_bytes(1)).startswith("452 No space left")
    eventually(noted("lost", "snap.jpg could not be written: No space left on device"))
    monkeypatch.undo()
    camera.send("snap.jpg", picture_bytes(1))


class TestWhoIsLetIn:
    @pytest.mark.parametrize("address", ["8.8.8.8", "::ffff:8.8.8.8", "2a00:1450:4001::1"])
    def test_an_address_of_the_internet_is_turned_away_unheard(self, address: str) -> None:
        shared, caller = Mock(), Mock()
        listener = server.Listener.__new__(server.Listener)
        listener.reception, listener._stranger_noted_at = shared, -60.0
        listener.handle_accepted(caller, (address, 40_000))
        caller.close.assert_called_once()
        assert "turned away" in shared.note.call_args.args[1]
        listener.handle_accepted(caller, (address, 40_001))
        assert shared.note.call_count == 1  # a flood of them does not fill the log

    def test_idle_strangers_go_when_others_come(
        self, alone: NewServer, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Hundreds hold connections open and say nothing: a camera is served all the same, at once."""
        camera = alone()
        with ExitStack() as held:
            idle = []
            for number in range(300):
                stranger = socket.create_connection(
                    ("127.0.0.1", camera.port), source_address=(f"127.0.1.{number % 200 + 1}", 0)
                )
                idle.append(held.enter_context(stranger))
            began = time.monotonic()
            for number in range(5):
                camera.send(f"{number}.jpg", picture_bytes(number))
            assert time.monotonic() - began < 5
        assert len(names_in(home)) == 5

    def test_too_many_connections_of_one_address_are_refused_not_those_of_others(self, alone: NewServer) -> None:
        camera = alone()
        with ExitStack() as held:
            for _ in range(server.MOST_PER_ADDRESS):
                held.enter_context(
                    socket.create_connection(("127.0.0.1", camera.port), source_address=("127.0.2.1", 0))
                )
            one_more = held.enter_context(
                socket.create_connection(("127.0.0.1", camera.port), source_address=("127.0.2.1", 0))
            )
            one_more.settimeout(10)
            assert one_more.recv(100).startswith(b"421 ")
            camera.send("a.jpg", picture_bytes(1))

    def test_who_does_not_sign_in_is_sent_away(self, alone: NewServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(caller, "SIGN_IN_WITHIN_S", 0.3)
        camera = alone()
        with socket.create_connection(("127.0.0.1", camera.port), timeout=10) as silent:
            assert silent.recv(100).startswith(b"220 ")
            assert silent.recv(100).startswith(b"421 ")
            assert silent.recv(100) == b""

    def test_connections_that_a_camera_left_behind_make_room_for_its_new_one(self, alone: NewServer) -> None:
        camera = alone()
        with ExitStack() as held:
            left = []
            for _ in range(reception.MOST_PER_CAMERA):
                left.append(camera.connect())
                held.callback(left[-1].close)
            camera.send("a.jpg", picture_bytes(1))
            assert refusal(left[0].pwd).startswith("421 ")
            left[1].pwd()

    def test_a_camera_that_sends_on_all_its_connections_gets_no_more(
        self, alone: NewServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reception, "MOST_PER_CAMERA", 2)
        camera = alone()
        with ExitStack() as held:
            for number in range(2):
                ftp = camera.connect()
                held.callback(ftp.close)
                held.callback(ftp.transfercmd(f"STOR {number}.jpg").close)
            assert refusal(camera.connect).startswith("421 ")

    def test_a_line_without_end_ends_the_connection(self, alone: NewServer) -> None:
        camera = alone()
        pour(socket.create_connection(("127.0.0.1", camera.port), timeout=10), b"x" * 65_536)
        camera.send("a.jpg", picture_bytes(1))

    def test_who_never_reads_the_answers_fills_no_memory(self, alone: NewServer) -> None:
        camera = alone()
        pour(socket.create_connection(("127.0.0.1", camera.port), timeout=10), b"FEAT\r\n" * 1000)
        camera.send("a.jpg", picture_bytes(1))

    def test_rubbish_ends_that_connection_at_most(self, alone: NewServer) -> None:
        camera = alone()
        for line in (b"\xff\xfe\x00", b"USER \x00\xff\r\n", b"PASS\r\n", b"AUTH TLS\r\nrubbish", b"\r\n" * 50):
            with socket.create_connection(("127.0.0.1", camera.port), timeout=10) as rude:
                rude.sendall(line + b"\r\n")
                rude.recv(100)
        camera.send("a.jpg", picture_bytes(1))


class TestPasswords:
    def test_a_wrong_one_is_answered_late_and_the_right_one_at_once(self, alone: NewServer) -> None:
        camera = alone()
        wrong = CameraClient(camera.camera_id, camera.port, camera.user, "not it")
        began = time.monotonic()
        assert refusal(wrong.connect).startswith("530 ")
        assert time.monotonic() - began >= 1
        began = time.monotonic()
        hang_up(camera.connect())
        assert time.monotonic() - began < 0.5
        eventually(noted("refused", f"127.0.0.1 sent a wrong password for {camera.user}"))
        assert not FTPLogEntry.objects.filter(sentence__contains="not it").exists()

    def test_many_sent_in_one_go_are_answered_one_after_another(
        self, alone: NewServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits.Patience, "after_wrong", lambda *wrong: 0.4)
        camera = alone()
        with socket.create_connection(("127.0.0.1", camera.port), timeout=10) as guesser:
            guesser.recv(100)
            began = time.monotonic()
            guesser.sendall(b"".join(b"USER %s\r\nPASS %d\r\n" % (camera.user.encode(), n) for n in range(5)))
            heard = b""
            while heard.count(b"530 ") < 2:
                heard += guesser.recv(1000)
            assert time.monotonic() - began >= 0.8

    def test_an_unknown_user_is_told_of_as_data(self, alone: NewServer) -> None:
        camera = alone()
        stranger = CameraClient("", camera.port, "adm\tin" + "x" * 500, "secret")
        assert refusal(stranger.connect).startswith("530 ")
        eventually(noted("refused", "no such user"))
        entry = FTPLogEntry.objects.get(sentence__contains="no such user")
        assert entry.account is None and "adm�in" in entry.sentence and len(entry.sentence) < 150

    def test_a_new_password_ends_what_signed_in_with_the_old_one(self, alone: NewServer) -> None:
        camera = alone()
        with camera.signed_in() as ftp:
            password = give_account(Camera.objects.get()).password
            assert password is not None
            eventually(lambda: _is_ended(ftp), within_s=6)
        renewed = CameraClient(camera.camera_id, camera.port, camera.user, password)
        renewed.send("a.jpg", picture_bytes(1))
        assert refusal(camera.connect).startswith("530 ")

    def test_a_camera_that_is_put_away_may_not_send_until_it_is_back(self, alone: NewServer) -> None:
        camera = alone()
        with camera.signed_in() as ftp:
            put_away(Camera.objects.get(), None)
            eventually(lambda: _is_ended(ftp), within_s=6)
        eventually(lambda: not answers(camera.port))  # it was the only one
        bring_back(Camera.objects.get(), None)
        eventually(lambda: answers(camera.port))
        camera.send("a.jpg", picture_bytes(1))

    def test_a_camera_that_was_merged_goes_on(self, alone: NewServer, home: Path) -> None:
        camera = alone()
        target = Camera.objects.create(pk="drive", name="Drive", folder_path="/x/drive", place="driveway")
        Camera.objects.filter(pk="front_door").update(merged_into=target, deleted_at=timezone.now())
        assert desk.living_accounts()[camera.user].folder == "front_door"
        camera.send("a.jpg", picture_bytes(1))
        Camera.objects.filter(pk="drive").update(deleted_at=timezone.now())
        assert desk.living_accounts() == {}
        assert names_in(home) == ["a.jpg"]


def _is_ended(ftp: ftplib.FTP) -> bool:
    try:
        ftp.voidcmd("NOOP")
    except ftplib.all_errors:
        return True
    return False


class TestFlood:
    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        few = lambda: CameraLimits(files=Bucket(10, 5), bytes=Bucket(2_000_000, 500_000))  # noqa: E731
        monkeypatch.setattr(reception, "CameraLimits", few)

    def test_too_many_files_are_slowed_down_and_noted_once(self, alone: NewServer, home: Path) -> None:
        camera = alone()
        began = time.monotonic()
        with camera.signed_in() as ftp:
            for number in range(20):
                store(ftp, f"{number}.txt", b"x")
        assert time.monotonic() - began > 1.4
        assert len(names_in(home)) == 20
        eventually(noted("slowed", limits.TOO_MANY_FILES))
        assert FTPLogEntry.objects.filter(step="slowed", account="front_door").count() == 1

    def test_too_many_bytes_are_slowed_down(self, alone: NewServer, home: Path) -> None:
        content = os.urandom(2_000_000)
        camera = alone()
        for number, encrypted in enumerate((False, True)):
            began = time.monotonic()
            camera.send(f"{number}.mp4", content, encrypted=encrypted)
            assert time.monotonic() - began > 0.7
            assert (home / f"{number}.mp4").read_bytes() == content
        eventually(noted("slowed", limits.TOO_MANY_BYTES))


class TestPorts:
    def test_only_the_ports_in_the_range_are_used_and_none_means_no(
        self, alone: NewServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reception, "MOST_PER_CAMERA", 100)
        camera = alone()
        with ExitStack() as held:
            ports = set()
            for _ in range(20):
                ftp = camera.connect()
                held.callback(ftp.close)
                ports.add(ftp.makepasv()[1])
            assert ports == set(range(camera.port + 1, camera.port + 21))
            one_more = camera.connect()
            held.callback(one_more.close)
            assert refusal(one_more.makepasv).startswith("425 ")
            one_more.set_pasv(False)
            store(one_more, "a.jpg", picture_bytes(1))

    def test_a_taken_port_is_named_and_taken_again_once_it_is_free(
        self, alone: NewServer, monkeypatch: pytest.MonkeyPatch, settings: Settings
    ) -> None:
        monkeypatch.setattr(server, "LISTEN_AGAIN_AFTER_S", 0.5)
        with socket.socket() as other:
            other.bind(("127.0.0.1", settings.CONFIG.FTP_PORT))
            other.listen()
            camera = alone(listens=False)
            eventually(Heartbeat.objects.filter(queue="ftp", detail__is_wanted=True).exists)
            told = Heartbeat.objects.get(queue="ftp").detail
            assert f"port {camera.port} is already in use by python" in told["why_not"]
        eventually(lambda: answers(camera.port))
        camera.send("a.jpg", picture_bytes(1))
        eventually(lambda: Heartbeat.objects.get(queue="ftp").detail["why_not"] == "")
        assert Heartbeat.objects.get(queue="ftp").detail["listening"] == f"127.0.0.1:{camera.port}"

    def test_active_transfers_leave_other_connections_alone(self, alone: NewServer, home: Path) -> None:
        """pyftpdlib by itself forgets another client here, which waits for its answer for ever."""
        camera = alone()
        with camera.signed_in(passive=False) as active:
            store(active, "1.jpg", picture_bytes(1))
            with camera.signed_in() as another:  # its sockets have the numbers of those that were just closed
                store(active, "2.jpg", picture_bytes(2))
                store(another, "3.jpg", picture_bytes(3))
        assert names_in(home) == ["1.jpg", "2.jpg", "3.jpg"]

    def test_a_damaged_certificate_is_named(self, alone: NewServer, settings: Settings) -> None:
        certificate = Path(settings.DATA_DIR) / "ftp" / "certificate.pem"
        certificate.parent.mkdir()
        certificate.write_text("rubbish")
        alone(listens=False)
        eventually(Heartbeat.objects.filter(detail__why_not__startswith=f"{certificate}: no certificate").exists)


class TestReplacing:
    def test_a_finished_picture_is_replaced_once_it_was_looked_at(self, alone: NewServer, home: Path) -> None:
        camera = alone()
        camera.send("snap.jpg", picture_bytes(1))
        intake.take_in(home / "snap.jpg")
        camera.send("snap.jpg", picture_bytes(2))
        assert names_in(home) == ["snap-2.jpg", "snap.jpg"]
        Capture.objects.update(state="detected")
        camera.send("snap.jpg", picture_bytes(3))
        assert (home / "snap.jpg").read_bytes() == picture_bytes(3)
        assert names_in(home) == ["snap-2.jpg", "snap.jpg"]

    def test_a_picture_in_which_something_was_found_is_never_replaced(self, alone: NewServer, home: Path) -> None:
        camera = alone()
        camera.send("snap.jpg", picture_bytes(1))
        intake.take_in(home / "snap.jpg")
        Capture.objects.update(state="detected")
        DetectionFactory.create(capture=Capture.objects.get())
        camera.send("snap.jpg", picture_bytes(2))
        assert (home / "snap.jpg").read_bytes() == picture_bytes(1)
        assert names_in(home) == ["snap-2.jpg", "snap.jpg"]

    def test_of_two_that_arrive_together_one_gets_a_number(self, alone: NewServer, home: Path) -> None:
        camera = alone()
        camera.send("snap.jpg", picture_bytes(1))
        intake.take_in(home / "snap.jpg")
        Capture.objects.update(state="detected")
        senders = [threading.Thread(target=camera.send, args=("snap.jpg", picture_bytes(n))) for n in range(2, 6)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        contents = {path.read_bytes() for path in home.iterdir()}
        assert contents >= {picture_bytes(n) for n in range(2, 6)}

    def test_a_ledger_that_does_not_answer_replaces_nothing(
        self, alone: NewServer, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(session, "LEDGER_ANSWERS_WITHIN_S", 0.3)
        answer = threading.Event()
        monkeypatch.setattr(session, "may_be_replaced", lambda *asked: answer.wait(20))
        camera = alone()
        camera.send("snap.jpg", picture_bytes(1))
        camera.send("snap.jpg", picture_bytes(2))
        assert names_in(home) == ["snap-2.jpg", "snap.jpg"]
        answer.set()

    def test_a_text_file_is_simply_replaced(self, alone: NewServer, home: Path) -> None:
        camera = alone()
        camera.send("test.txt", b"one")
        camera.send("test.txt", b"two")
        assert names_in(home) == ["test.txt"] and (home / "test.txt").read_bytes() == b"two"

    def test_a_link_with_that_name_is_neither_followed_nor_replaced(
        self, alone: NewServer, home: Path, tmp_path: Path
    ) -> None:
        outside = tmp_path / "outside.jpg"
        outside.write_text("untouched")
        camera = alone()
        (home / "snap.jpg").symlink_to(outside)
        camera.send("snap.jpg", picture_bytes(1))
        assert outside.read_text() == "untouched"
        assert names_in(home) == ["snap-2.jpg", "snap.jpg"] and (home / "snap.jpg").is_symlink()


class TestTheEndOfAnUpload:
    @pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
    def test_all_that_was_sent_is_kept_though_the_client_has_hung_up(
        self, alone: NewServer, home: Path, monkeypatch: pytest.MonkeyPatch, encrypted: bool
    ) -> None:
        monkeypatch.setattr(transfer.Transfer, "ac_in_buffer_size", 16_384)  # so that most is yet to be read by then
        content = os.urandom(1_500_000)
        camera = alone()
        break_off(camera.connect(encrypted=encrypted), "clip.mp4", content)
        eventually(noted("lost", "the connection was lost at 1.4 MB of clip.mp4"))
        assert [path.read_bytes() for path in home.iterdir()] == [content]

    def test_the_end_of_both_connections_is_no_end_of_the_file_however_late_it_is_noticed(
        self, alone: NewServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transfer, "GONE_WITHIN_S", 0)
        camera = alone()
        for number in range(10):
            break_off(camera.connect(), f"{number}.jpg", b"\xff\xd8\xff half")
        eventually(lambda: FTPLogEntry.objects.filter(step="lost").count() == 10)
        assert not FTPLogEntry.objects.filter(step="received").exists()

    def test_what_is_still_on_its_way_when_the_client_hangs_up_is_taken(self, alone: NewServer, home: Path) -> None:
        camera = alone()
        ftp = camera.connect()
        with ftp.transfercmd("STOR snap.jpg") as data:
            data.sendall(b"\xff\xd8\xff half")
            ftp.close()
            hang_up(camera.connect())  # the loop has turned, so the server has seen it
            data.sendall(b", and the rest")
        eventually(noted("lost", "the connection was lost at 22 bytes of snap.jpg"))

    def test_who_has_hung_up_is_not_there_even_before_the_loop_knows(self) -> None:
        ours, theirs = socket.socketpair()
        client = Mock(_closed=False, connected=True, _quit_pending=False, _fileno=ours.fileno())
        with ours:
            assert caller.Caller.is_there(client)
            theirs.close()
            assert not caller.Caller.is_there(client)
            client._quit_pending = True
            assert caller.Caller.is_there(client)

    def test_a_client_that_is_gone_for_good_holds_nothing(
        self, alone: NewServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transfer, "OUTLIVES_S", 0.3)
        camera = alone()
        ftp = camera.connect()
        with ftp.transfercmd("STOR snap.jpg") as data:
            data.sendall(b"\xff\xd8\xff half")
            ftp.close()
            eventually(noted("lost", "the connection was lost at 8 bytes of snap.jpg"))

    def test_while_it_is_received_intake_leaves_it_alone(
        self, alone: NewServer, home: Path, settings: Settings
    ) -> None:
        content = picture_bytes(1)
        camera = alone()
        settings.CONFIG = settings.CONFIG.model_copy(update={"INCOMPLETE_SECONDS": 0})
        with camera.signed_in() as ftp:
            with ftp.transfercmd("STOR snap.jpg") as data:
                data.sendall(content[:4000])
                (part,) = eventually(lambda: [path for path in home.iterdir() if path.stat().st_size == 4000])
                assert intake.take_in(part) is intake.Outcome.WAITING
                data.sendall(content[4000:])
            assert ftp.voidresp().startswith("226 ")
        assert names_in(home) == ["snap.jpg"] and not Capture.objects.exists()

    def test_who_resumes_while_intake_looks_at_the_first_part_waits_a_moment(
        self, alone: NewServer, home: Path
    ) -> None:
        content = picture_bytes(1)
        camera = alone()
        break_off(camera.connect(), "snap.jpg", content[:4000])
        (part,) = eventually(lambda: [path for path in home.iterdir() if path.stat().st_size == 4000])
        eventually(noted("lost", "snap.jpg"))
        with part.open("rb") as looked_at, camera.signed_in() as ftp:
            parts.lock(looked_at.fileno())
            threading.Timer(0.4, looked_at.close).start()
            store(ftp, "snap.jpg", content[4000:], rest=4000)
        assert (home / "snap.jpg").read_bytes() == content


def test_old_lines_of_the_live_log_are_dropped(alone: NewServer) -> None:
    alone()
    lines = [desk.Happening(FTPLogEntry.Step.RECEIVED, str(n), "10.0.0.1", "front_door") for n in range(300)]
    desk.write_log(lines)
    desk.write_log([desk.Happening(FTPLogEntry.Step.CONNECTED, str(n), "10.0.0.1") for n in range(250)])
    assert FTPLogEntry.objects.filter(account="front_door").count() == desk.KEPT_ENTRIES
    assert FTPLogEntry.objects.filter(account=None).count() == desk.KEPT_ENTRIES
    assert FTPLogEntry.objects.filter(account="front_door").order_by("-id")[0].sentence == "299"


def test_a_line_of_an_account_that_is_gone_does_not_lose_the_others(alone: NewServer) -> None:
    alone()
    desk.write_log(
        [
            desk.Happening(FTPLogEntry.Step.RECEIVED, "a\x00b", "10.0.0.1", "gone"),
            desk.Happening(FTPLogEntry.Step.RECEIVED, "a\x00b\udcff", "10.0.0.1", "front_door"),
        ]
    )
    assert FTPLogEntry.objects.get(account="front_door", step="received").sentence == "a�b?"


def test_what_goes_wrong_in_one_connection_ends_that_one(
    alone: NewServer, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    camera = alone()

    def broken(self: session.Session, line: str) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(session.Session, "ftp_NOOP", broken, raising=False)
    with camera.signed_in() as bystander:
        with camera.signed_in() as victim, pytest.raises((EOFError, OSError)):
            victim.voidcmd("NOOP")
        store(bystander, "a.jpg", picture_bytes(1))
    assert names_in(home) == ["a.jpg"]
