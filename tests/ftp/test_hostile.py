"""Clients that mean harm, or are broken in a way that looks like it: each ends itself at most."""

from __future__ import annotations

import errno
import logging
import os
import socket
import time
from pathlib import Path
from unittest.mock import Mock

import pytest
from pytest_django.fixtures import Settings

from cameras.ftp import filesystem, limits, parts, reception, server, session, transfer
from cameras.ftp.limits import Bucket, CameraLimits
from cameras.models import Capture, FTPLogEntry
from tests.files import picture_bytes
from tests.ftp.clients import break_off, reset, store
from tests.ftp.conftest import NewServer
from tests.ftp.test_server import names_in, refusal
from tests.stack import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def home(settings: Settings) -> Path:
    return Path(settings.CAMERA_ROOT) / "front_door"


def heard(connection: socket.socket, until: bytes) -> bytes:
    connection.settimeout(10)
    answer = b""
    while until not in answer and (more := connection.recv(4096)):
        answer += more
    return answer


class TestTheOpenPort:
    def test_it_stays_open_when_one_that_is_sent_away_is_gone_already(
        self, alone: NewServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reception, "MOST_NOT_SIGNED_IN", 1)
        monkeypatch.setattr(limits.Patience, "after_wrong", lambda *wrong: 20)
        camera = alone()
        gone = socket.create_connection(("127.0.0.1", camera.port))
        heard(gone, b"220 ")
        gone.sendall(b"USER nobody\r\nPASS nothing\r\n")
        eventually(FTPLogEntry.objects.filter(step="refused").exists)  # from here it is not listened to
        reset(gone)
        for number in range(3):
            camera.send(f"{number}.jpg", picture_bytes(number))

    def test_it_stays_open_when_there_are_too_many_open_files(
        self, alone: NewServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        camera = alone()
        accept = server.Listener.accept
        tries: list[float] = []

        def exhausted(self: server.Listener) -> object:
            tries.append(time.monotonic())
            if len(tries) <= 2:
                raise OSError(errno.EMFILE, "Too many open files")
            return accept(self)

        monkeypatch.setattr(server.Listener, "accept", exhausted)
        camera.send("a.jpg", picture_bytes(1))
        assert tries[2] - tries[0] > 0.5  # and meanwhile the loop did not spin


class TestCommands:
    def test_what_follows_a_goodbye_is_not_heard(
        self, alone: NewServer, home: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        camera = alone()
        with camera.connect() as ftp:
            assert ftp.sock is not None
            ftp.sock.sendall(b"QUIT\r\nMKD a\r\nSIZE a\r\nSTOR b\r\nDELE c\r\n")
            heard(ftp.sock, b"221 ")
        camera.send("a.jpg", picture_bytes(1))
        assert names_in(home) == ["a.jpg"]
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]

    def test_a_zero_byte_is_no_name(self, alone: NewServer, home: Path, caplog: pytest.LogCaptureFixture) -> None:
        camera = alone()
        with camera.signed_in() as ftp:
            ftp.voidcmd("TYPE I")
            for command in ("STOR", "APPE", "MKD", "CWD", "SIZE", "MDTM", "LIST", "NLST", "MLST", "RNFR", "STAT"):
                assert refusal(ftp.voidcmd, f"{command} a\0b.jpg").startswith("50")
            store(ftp, "a.jpg", picture_bytes(1))
        assert names_in(home) == ["a.jpg"]
        assert not [record for record in caplog.records if record.levelno >= logging.ERROR]

    def test_what_has_to_wait_is_done_before_what_came_after_it(
        self, alone: NewServer, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reception, "CameraLimits", lambda: CameraLimits(files=Bucket(5, 1)))
        camera = alone()
        with camera.signed_in() as ftp:
            assert ftp.sock is not None
            ftp.sock.sendall(b"MKD 1\r\nMKD 2\r\nCWD 2\r\nMKD 3\r\nCWD 3\r\nNOOP\r\n")
            assert [line[:3] for line in heard(ftp.sock, b"200 ").splitlines()] == [
                b"257", b"257", b"250", b"257", b"250", b"200",
            ]  # fmt: skip
        assert names_in(home) == ["1", "2", "3"]

    def test_a_camera_cannot_fill_its_log_with_refusals(self, alone: NewServer) -> None:
        camera = alone()
        with camera.signed_in() as ftp:
            for number in range(100):
                refusal(ftp.voidcmd, f"PORT 10,0,0,{number},200,10")
        eventually(FTPLogEntry.objects.filter(sentence__contains="another address").exists)
        time.sleep(0.5)
        assert FTPLogEntry.objects.filter(step="refused").count() <= 20

    def test_a_session_that_is_slowed_down_for_ever_holds_no_memory(
        self, alone: NewServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reception, "CameraLimits", lambda: CameraLimits(files=Bucket(1000, 0)))
        note, seen = session.Session.note_slowed, []

        def slowed(client: session.Session, words: str) -> None:
            seen.append(client)
            note(client, words)

        monkeypatch.setattr(session.Session, "note_slowed", slowed)
        camera = alone()
        with camera.signed_in() as ftp:
            for number in range(60):
                ftp.mkd(str(number))
            assert len(seen[-1]._tasks) < 20

    def test_an_encrypted_listing_that_nobody_reads_holds_no_connection(
        self, alone: NewServer, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transfer.Transfer, "timeout", 0.5)
        began: list[transfer.Transfer] = []
        secured = transfer.Transfer.handle_ssl_established

        def noticed(channel: transfer.Transfer) -> None:
            began.append(channel)
            secured(channel)

        monkeypatch.setattr(transfer.Transfer, "handle_ssl_established", noticed)
        camera = alone()
        home.mkdir(exist_ok=True)
        for number in range(4000):
            (home / f"{number}{'x' * 200}.txt").touch()
        with camera.connect(encrypted=True) as ftp:
            data = ftp.transfercmd("LIST")
            data.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with data:
                eventually(lambda: began and began[0]._closed, within_s=8)


class TestParts:
    def test_a_rename_that_fails_leaves_no_empty_file(self, alone: NewServer, home: Path) -> None:
        camera = alone()
        with camera.signed_in() as one, camera.signed_in() as another:
            store(one, "a.tmp", picture_bytes(1))
            one.sendcmd("RNFR a.tmp")
            another.rename("a.tmp", "b.jpg")
            assert refusal(one.voidcmd, "RNTO c.jpg").startswith("550 ")
        assert names_in(home) == ["b.jpg"]

    def test_one_that_intake_held_as_it_began_is_not_left_behind(
        self, alone: NewServer, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock, tries = parts.lock, []

        def looked_at_first(descriptor: int) -> None:
            tries.append(descriptor)
            if len(tries) == 1:
                raise parts.InUse
            lock(descriptor)

        monkeypatch.setattr(parts, "lock", looked_at_first)
        alone().send("a.jpg", picture_bytes(1))
        assert names_in(home) == ["a.jpg"]
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(tries[0])

    def test_one_that_got_its_name_as_it_was_resumed_is_not_cut(
        self, alone: NewServer, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        content = picture_bytes(1)
        camera = alone()
        break_off(camera.connect(), "a.jpg", content)
        (part,) = eventually(lambda: [path for path in home.iterdir() if path.stat().st_size == len(content)])
        eventually(FTPLogEntry.objects.filter(step="lost").exists)
        lock = parts.lock

        def named_just_before(descriptor: int) -> None:
            if part.exists():
                part.rename(home / "a.jpg")
            lock(descriptor)

        monkeypatch.setattr(parts, "lock", named_just_before)
        with camera.signed_in() as ftp:
            store(ftp, "a.jpg", content[4000:], rest=4000)
        assert (home / "a.jpg").read_bytes() == content
        assert not Capture.objects.exists() and set(names_in(home)) == {"a.jpg", "a-2.jpg"}

    def test_a_pipe_or_folder_named_like_one_holds_nobody_up(self, alone: NewServer, home: Path) -> None:
        camera = alone()
        camera.send("z.jpg", picture_bytes(0))
        os.mkfifo(home / parts.new_part_name("a.jpg"))
        (home / parts.new_part_name("b.jpg")).mkdir()
        with camera.signed_in() as ftp:
            for number, name in enumerate(("a.jpg", "b.jpg")):
                store(ftp, name, picture_bytes(number), "APPE")
        assert {"a.jpg", "b.jpg"} <= set(names_in(home))


class TestAnswers:
    @pytest.mark.parametrize(
        ("number", "code"),
        [
            (errno.ENOSPC, "452 "),
            (errno.EDQUOT, "452 "),
            (errno.EMFILE, "451 "),
            (errno.EIO, "451 "),
            (errno.EROFS, "550 "),
        ],
        ids=["full", "quota", "files", "disk", "read-only"],
    )
    def test_what_may_be_tried_again_is_said_to_be_so(
        self, alone: NewServer, monkeypatch: pytest.MonkeyPatch, number: int, code: str
    ) -> None:
        camera = alone()
        monkeypatch.setattr(filesystem, "_begun", Mock(side_effect=OSError(number, os.strerror(number))))
        assert refusal(camera.send, "a.jpg", picture_bytes(1)).startswith(code)
