"""Real clients on the real processes: what cameras send becomes exactly what it should, whatever happens on the way.

One file, so that one worker of a parallel run has all of it, since a stack is dear to start. Each test has a camera of
its own.
"""

from __future__ import annotations

import ftplib
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from cameras.ftp import parts
from tests.files import picture_bytes, video_bytes
from tests.ftp import day
from tests.ftp.clients import CameraClient, answers, break_off, hang_up, reset, store
from tests.stack import Stack, eventually

pytestmark = pytest.mark.stack

ODD_NAMES = ["a b.jpg", "Tür 🚪.jpg", "[M][0@0][0].jpg", "$(touch x);'\".jpg", "%s%n.jpg", "\\back\\slash.jpg", "~.jpg"]
# The shown names have room for a number and for what marks a part; beyond it is shortened in between only.
LONG_NAMES = ["x" * 246 + ".jpg", "ä" * 123 + ".jpg"]
PLAIN_AND_ENCRYPTED = pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
PASSIVE_AND_ACTIVE = pytest.mark.parametrize("passive", [True, False], ids=["passive", "active"])


def states(captures: list[dict[str, Any]]) -> list[str]:
    return sorted(capture["state"] for capture in captures)


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def refusal(deed: Callable[..., object], *arguments: object, **options: object) -> str:
    """What the server answers when it does not do it."""
    with pytest.raises(ftplib.Error) as raised:
        deed(*arguments, **options)
    return str(raised.value)


@PASSIVE_AND_ACTIVE
@PLAIN_AND_ENCRYPTED
def test_a_picture_and_a_clip_become_captures(
    stack: Stack, camera: CameraClient, encrypted: bool, passive: bool
) -> None:
    with camera.signed_in(encrypted=encrypted, passive=passive) as ftp:
        store(ftp, "2025-06-01/pic.jpg", picture_bytes(1))
        store(ftp, "2025-06-01/clip.mp4", video_bytes(1))
    captures = stack.settled(camera.camera_id, 2)
    assert states(captures) == ["detected", "detected"]
    assert names_in(stack.camera(camera.camera_id)) == ["2025-06-01/clip.mp4", "2025-06-01/pic.jpg"]


def test_curl_uploads_plain_and_encrypted_active_and_passive(
    stack: Stack, camera: CameraClient, tmp_path: Path
) -> None:
    ways = [
        [],
        ["--ftp-port", "-"],
        ["--ssl-reqd", "-k"],
    ]  # curl 7.88 sends unencrypted in active mode, whatever is said
    for number, options in enumerate(ways):
        picture = tmp_path / f"{number} é.jpg"
        picture.write_bytes(picture_bytes(number))
        made = ["curl", "-sS", "--ftp-create-dirs", *options, "-T", str(picture), f"{camera.url}new/folder/"]
        subprocess.run(made, check=True, timeout=30)
    assert states(stack.settled(camera.camera_id, 3)) == ["detected"] * 3


@pytest.mark.skipif(shutil.which("lftp") is None, reason="NO LFTP: its way of uploading is not tested")
def test_lftp_uploads_a_folder_in_parallel_and_resumes(stack: Stack, camera: CameraClient, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.jpg").write_bytes(picture_bytes(number))
    (tmp_path / "half.jpg").write_bytes(picture_bytes(10))
    break_off(camera.connect(), "half.jpg", picture_bytes(10)[:4000])
    home = stack.camera(camera.camera_id)
    eventually(lambda: names_in(home))
    commands = f"""
        set net:max-retries 2; set ssl:verify-certificate no
        open -u {camera.user},{camera.password} -p {camera.port} 127.0.0.1
        put -c {tmp_path}/half.jpg
        rm {tmp_path}/half.jpg
        mirror -R --parallel=3 {tmp_path} .
    """
    subprocess.run(["lftp", "-c", commands.replace(f"rm {tmp_path}/half.jpg", "")], check=False, timeout=60)
    captures = stack.settled(camera.camera_id, 7)
    assert states(captures) == ["detected"] * 7
    assert names_in(home) == [*(f"{number}.jpg" for number in range(6)), "half.jpg"]


def test_many_at_once_over_many_connections(stack: Stack, camera: CameraClient, another: CameraClient) -> None:
    def send(client: CameraClient, first: int) -> None:
        with client.signed_in() as ftp:
            for number in range(first, first + 3):
                store(ftp, f"{number}.jpg", picture_bytes(number, size=(160, 120)))

    senders = [threading.Thread(target=send, args=(client, n * 3)) for client in (camera, another) for n in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    for client in (camera, another):
        assert states(stack.settled(client.camera_id, 12)) == ["detected"] * 12


def test_odd_and_long_names_are_kept(stack: Stack, camera: CameraClient) -> None:
    names = [*ODD_NAMES, *LONG_NAMES]
    with camera.signed_in() as ftp:
        for number, name in enumerate(names):
            store(ftp, name, picture_bytes(number))
        assert sorted(ftp.nlst()) == sorted(names)
    assert states(stack.settled(camera.camera_id, len(names))) == ["detected"] * len(names)
    assert names_in(stack.camera(camera.camera_id)) == sorted(names)


def test_names_that_are_not_utf_8_are_kept_as_they_are(stack: Stack, camera: CameraClient) -> None:
    ftp = ftplib.FTP(encoding="latin-1")  # noqa: S321
    ftp.connect("127.0.0.1", camera.port)
    ftp.login(camera.user, camera.password)
    assert ftp.mkd("Tür") == "/Tür"
    store(ftp, "Tür/é.jpg", picture_bytes(1))
    hang_up(ftp)
    assert states(stack.settled(camera.camera_id, 1)) == ["detected"]
    assert [os.fsencode(name) for name in names_in(stack.camera(camera.camera_id))] == ["Tür/é.jpg".encode("latin-1")]


def test_a_name_too_long_for_the_disk_is_refused(camera: CameraClient) -> None:
    assert refusal(camera.send, "x" * 300 + ".jpg", b"x").startswith("550 ")


def test_a_picture_that_is_sent_in_text_mode_arrives_as_it_is(stack: Stack, camera: CameraClient) -> None:
    with camera.signed_in() as ftp:
        ftp.voidcmd("TYPE A")
        with ftp.transfercmd("STOR a.jpg") as data:
            data.sendall(picture_bytes(1) + b"\r\n\r\n")
        ftp.voidresp()
    assert (stack.camera(camera.camera_id) / "a.jpg").read_bytes() == picture_bytes(1) + b"\r\n\r\n"


def test_a_name_that_is_overwritten_loses_no_picture(stack: Stack, camera: CameraClient) -> None:
    with camera.signed_in() as ftp:
        for number in range(8):
            store(ftp, "snap.jpg", picture_bytes(number))
    captures = stack.settled(camera.camera_id, 8)
    assert states(captures) == ["detected"] * 8
    assert len({capture["sha256"] for capture in captures}) == 8
    camera.send("snap.jpg", picture_bytes(100))
    stack.settled(camera.camera_id, 9)
    assert (stack.camera(camera.camera_id) / "snap.jpg").read_bytes() == picture_bytes(100)


def test_text_files_are_ignored_with_a_reason(stack: Stack, camera: CameraClient) -> None:
    camera.send("test.txt", b"hello camera")
    listed = "from cameras.models import *; print('IS', *IgnoredFile.objects.filter(camera={!r}).values_list('reason'))"
    told = eventually(lambda: _last_line(stack, listed.format(camera.camera_id)))
    assert ".txt files are not read" in told


def test_the_live_log_tells_it_in_words(stack: Stack, camera: CameraClient) -> None:
    camera.send("test.txt", b"hello camera", encrypted=True)
    with camera.signed_in() as ftp:
        refusal(ftp.delete, "test.txt")
    break_off(camera.connect(), "snap.jpg", picture_bytes(1)[:5000])
    lines = "\n".join(_log_of(stack, camera, until="connection was lost"))
    for sentence in (
        "127.0.0.1 connected",
        f"{camera.user} signed in from 127.0.0.1 (encrypted)",
        "test.txt received (12 bytes)",
        "may not delete: this account only writes",
        "the connection was lost at 4 KB of snap.jpg",
    ):
        assert sentence in lines
    assert camera.password not in lines and camera.password not in stack.log.read_text()


class TestInterrupted:
    @PLAIN_AND_ENCRYPTED
    def test_half_a_picture_is_rejected_with_how_far_it_came(
        self, stack: Stack, camera: CameraClient, encrypted: bool
    ) -> None:
        break_off(camera.connect(encrypted=encrypted), "snap.jpg", picture_bytes(1)[:5000])
        (capture,) = stack.settled(camera.camera_id, 1)
        assert (capture["state"], capture["error"]) == ("rejected", "connection lost at 4 KB")
        (left,) = names_in(stack.camera(camera.camera_id))
        assert parts.real_name(left) == "snap.jpg"

    @PLAIN_AND_ENCRYPTED
    def test_a_client_that_never_waits_for_the_answer_is_believed_by_the_content(
        self, stack: Stack, camera: CameraClient, encrypted: bool
    ) -> None:
        for number in range(3):
            break_off(camera.connect(encrypted=encrypted), f"{number}.jpg", picture_bytes(number))
        assert states(stack.settled(camera.camera_id, 3)) == ["detected"] * 3
        assert names_in(stack.camera(camera.camera_id)) == ["0.jpg", "1.jpg", "2.jpg"]

    def test_a_connection_that_is_reset_is_no_end(self, stack: Stack, camera: CameraClient) -> None:
        with camera.signed_in() as ftp:
            data = ftp.transfercmd("STOR snap.jpg")
            data.sendall(picture_bytes(1)[:5000])
            eventually(lambda: _size_of_part(stack, camera) == 5000)
            reset(data)
            assert refusal(ftp.voidresp).startswith("426 ")
        assert states(stack.settled(camera.camera_id, 1)) == ["rejected"]

    def test_one_that_the_client_takes_back_is_no_picture(self, stack: Stack, camera: CameraClient) -> None:
        with camera.signed_in() as ftp:
            data = ftp.transfercmd("STOR snap.jpg")
            data.sendall(picture_bytes(1)[:5000])
            eventually(lambda: _size_of_part(stack, camera) == 5000)
            assert ftp.abort().startswith("426 ")
            data.close()
            ftp.voidresp()
            store(ftp, "next.jpg", picture_bytes(2))
        assert states(stack.settled(camera.camera_id, 2)) == ["detected", "rejected"]

    def test_a_killed_client(self, stack: Stack, camera: CameraClient, tmp_path: Path) -> None:
        slow = ["curl", "-sS", "--limit-rate", "3000", "-T", str(tmp_path / "snap.jpg"), camera.url]
        (tmp_path / "snap.jpg").write_bytes(picture_bytes(1, size=(1500, 1000)))
        client = subprocess.Popen(slow)
        eventually(lambda: _size_of_part(stack, camera) > 1000)
        client.kill()
        client.wait()
        assert states(stack.settled(camera.camera_id, 1)) == ["rejected"]

    @pytest.mark.parametrize("command", ["STOR", "APPE"])
    def test_it_is_resumed(self, stack: Stack, camera: CameraClient, command: str) -> None:
        content = picture_bytes(1)
        break_off(camera.connect(), "a/snap.jpg", content[:4000])
        eventually(lambda: _size_of_part(stack, camera) == 4000)
        with camera.signed_in() as ftp:
            ftp.voidcmd("TYPE I")
            arrived = ftp.size("a/snap.jpg")
            assert arrived == 4000
            store(ftp, "a/snap.jpg", content[arrived:], command, rest=arrived if command == "STOR" else None)
        (capture,) = stack.settled(camera.camera_id, 1)
        assert capture["state"] == "detected"
        assert (stack.camera(camera.camera_id) / "a" / "snap.jpg").read_bytes() == content

    def test_it_is_resumed_before_the_server_knows_that_it_broke_off(self, stack: Stack, camera: CameraClient) -> None:
        """A camera that lost its network says nothing; it comes back over a new connection."""
        content = picture_bytes(1)
        lost = camera.connect()
        data = lost.transfercmd("STOR snap.jpg")
        data.sendall(content[:4000])
        eventually(lambda: _size_of_part(stack, camera) == 4000)
        with camera.signed_in() as ftp:
            store(ftp, "snap.jpg", content[4000:], rest=4000)
        data.close()
        lost.close()
        assert states(stack.settled(camera.camera_id, 1)) == ["detected"]
        assert names_in(stack.camera(camera.camera_id)) == ["snap.jpg"]

    def test_what_is_added_to_a_finished_file_is_one_of_its_own(self, stack: Stack, camera: CameraClient) -> None:
        content = picture_bytes(1)
        with camera.signed_in() as ftp:
            store(ftp, "snap.jpg", content[:4000])
            store(ftp, "snap.jpg", content[4000:], "APPE")
        assert states(stack.settled(camera.camera_id, 2)) == ["detected", "rejected"]
        assert (stack.camera(camera.camera_id) / "snap-2.jpg").read_bytes() == content

    def test_there_is_nothing_to_resume(self, camera: CameraClient) -> None:
        with camera.signed_in() as ftp:
            assert refusal(store, ftp, "snap.jpg", b"x", rest=100).startswith("550 ")
            store(ftp, "snap.jpg", picture_bytes(1))


class TestRenaming:
    @pytest.mark.parametrize("name", [".snap.jpg", "snap.jpg.tmp", ".tmp1234", "snap.jpg_"])
    def test_a_client_may_upload_under_another_name_first(self, stack: Stack, camera: CameraClient, name: str) -> None:
        with camera.signed_in() as ftp:
            store(ftp, name, picture_bytes(1))
            ftp.rename(name, "new/snap.jpg")
        assert states(stack.settled(camera.camera_id, 1)) == ["detected"]
        assert names_in(stack.camera(camera.camera_id)) == ["new/snap.jpg"]

    def test_each_time_to_the_same_name_loses_no_picture(self, stack: Stack, camera: CameraClient) -> None:
        with camera.signed_in() as ftp:
            for number in range(4):
                store(ftp, "snap.tmp", picture_bytes(number))
                ftp.rename("snap.tmp", "snap.jpg")
        assert states(stack.settled(camera.camera_id, 4)) == ["detected"] * 4

    def test_a_finished_picture_keeps_its_name(self, camera: CameraClient) -> None:
        with camera.signed_in() as ftp:
            store(ftp, "snap.jpg", picture_bytes(1))
            ftp.mkd("folder")
            for path in ("snap.jpg", "folder", "/", "..", "nothing.tmp"):
                assert refusal(ftp.rename, path, "other.jpg").startswith("550 ")


class TestTricks:
    def test_everything_but_writing_is_refused(self, stack: Stack, camera: CameraClient) -> None:
        with camera.signed_in() as ftp:
            store(ftp, "snap.jpg", picture_bytes(1))
            ftp.mkd("folder")
            for command in (
                *("RETR snap.jpg", "DELE snap.jpg", "RMD folder", "XRMD folder", "SITE CHMOD 777 snap.jpg"),
                *("SITE HELP", "SITE EXEC id", "MFMT 20200101000000 snap.jpg", "STOU", "REIN", "SMNT /", "ACCT x"),
            ):
                assert refusal(ftp.voidcmd, command)[:3] in ("550", "500", "501")
        assert names_in(stack.camera(camera.camera_id)) == ["snap.jpg"]

    @pytest.mark.parametrize(
        "path",
        ["../escaped.jpg", "/../../escaped.jpg", "a/../../../escaped.jpg", "//escaped.jpg", "/etc/../escaped.jpg"],
    )
    def test_no_path_leads_out(self, stack: Stack, camera: CameraClient, path: str) -> None:
        camera.send(path, picture_bytes(1))
        assert names_in(stack.camera(camera.camera_id)) == ["escaped.jpg"]
        outside = [found for found in stack.data_dir.rglob("escaped.jpg") if camera.camera_id not in found.parts]
        assert all("camera_" in str(found) for found in outside)

    def test_links_are_not_followed(self, stack: Stack, camera: CameraClient, tmp_path: Path) -> None:
        home = stack.camera(camera.camera_id)
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "secret.txt").write_text("secret")
        (home / "out").symlink_to(outside)
        (home / "in").symlink_to(home)
        (home / "file.jpg").symlink_to(outside / "secret.txt")
        with camera.signed_in() as ftp:
            assert ftp.nlst() == []
            for link in ("out", "in"):
                assert refusal(ftp.cwd, link).startswith("550 ")
                assert refusal(store, ftp, f"{link}/x.jpg", b"x").startswith("550 ")
                assert refusal(ftp.mkd, f"{link}/x").startswith("550 ")
                assert refusal(ftp.nlst, link).startswith("550 ")
            store(ftp, "file.jpg", picture_bytes(1))
            assert refusal(store, ftp, "file.jpg", b"x", rest=3).startswith("550 ")
        assert (outside / "secret.txt").read_text() == "secret" and len(list(outside.iterdir())) == 1
        assert sorted(path.name for path in home.iterdir()) == ["file-2.jpg", "file.jpg", "in", "out"]

    def test_a_data_connection_goes_to_the_client_only(self, camera: CameraClient) -> None:
        with camera.signed_in() as ftp:
            for command in (
                "PORT 10,0,0,5,0,22",
                "PORT 127,0,0,2,200,10",
                "PORT 127,0,0,1,0,22",
                "EPRT |1|10.0.0.5|22|",
            ):
                assert refusal(ftp.voidcmd, command).startswith("501 ")
            port = ftp.makepasv()[1]
            with socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.9", 0)) as stranger:
                assert stranger.recv(1) == b""  # and nobody else may deliver for it, or disturb it
            with socket.create_connection(("127.0.0.1", port)) as own:
                ftp.sendcmd("STOR a.jpg")
                own.sendall(picture_bytes(1))
            assert ftp.voidresp().startswith("226 ")

    def test_somebody_else_with_the_right_name_and_a_wrong_password(self, camera: CameraClient) -> None:
        stranger = CameraClient(camera.camera_id, camera.port, camera.user, "nonsense", host="127.0.0.1")
        with pytest.raises(ftplib.error_perm, match="530"):
            stranger.connect(source="127.0.3.1")
        hang_up(camera.connect(source="127.0.3.1"))

    def test_a_file_of_more_than_two_gigabytes(self, stack: Stack, camera: CameraClient) -> None:
        """Its beginning is there already, as a hole: it takes neither the time nor the room."""
        break_off(camera.connect(), "huge.mp4", b"\0" * 1000)
        (part,) = eventually(lambda: list(stack.camera(camera.camera_id).iterdir()))
        os.truncate(part, 2 * 1024**3 - 500)
        with camera.signed_in() as ftp:
            assert refusal(store, ftp, "huge.mp4", b"\0" * 1000, "APPE").startswith("552 ")
        (capture,) = stack.settled(camera.camera_id, 1)
        assert capture["file_path"] == f"{camera.camera_id}/huge.mp4" and "the limit is 2 GB" in capture["error"]
        eventually(lambda: not part.exists())


class TestSurviving:
    """Last: these take servers away for a moment."""

    def test_the_server_is_killed_in_the_middle_of_an_upload(self, stack: Stack, camera: CameraClient) -> None:
        content = picture_bytes(1)
        ftp = camera.connect()
        data = ftp.transfercmd("STOR snap.jpg")
        data.sendall(content[:4000])
        other = camera.connect()
        whole = other.transfercmd("STOR whole.jpg")
        whole.sendall(content)
        eventually(lambda: _size_of_part(stack, camera) == 4000)
        eventually(lambda: _size_of_part(stack, camera, "whole.jpg") == len(content))
        process = _ftp_process(stack)
        process.kill()
        process.wait(timeout=10)
        for open_one in (data, whole):
            open_one.close()
        ftp.close()
        other.close()
        _comes_back(stack)
        with camera.signed_in() as again:
            store(again, "snap.jpg", content[4000:], rest=4000)
        home = stack.camera(camera.camera_id)
        eventually(lambda: names_in(home) == ["snap.jpg", "whole.jpg"])
        assert (home / "snap.jpg").read_bytes() == content
        # The first part is recorded as lost as well where the server was away for longer than one waits for more.
        kept = eventually(lambda: [c for c in stack.captures(camera.camera_id) if c["state"] != "rejected"][1:])
        assert kept

    def test_it_ends_in_order_and_lets_a_running_upload_finish(self, stack: Stack, camera: CameraClient) -> None:
        ftp = camera.connect()
        data = ftp.transfercmd("STOR snap.jpg")
        data.sendall(picture_bytes(1)[:4000])
        process = _ftp_process(stack)
        process.terminate()
        eventually(lambda: not answers(stack.ftp_port))
        data.sendall(picture_bytes(1)[4000:])
        data.close()
        assert ftp.voidresp().startswith("226 ")
        ftp.close()
        process.wait(timeout=10)
        _comes_back(stack)
        assert states(stack.settled(camera.camera_id, 1)) == ["detected"]

    def test_a_database_that_does_not_answer_loses_no_upload(self, stack: Stack, camera: CameraClient) -> None:
        camera.send("snap.jpg", picture_bytes(0))
        stack.settled(camera.camera_id, 1)
        with _frozen(stack.processes(r"/postgres -D |^postgres: ")):
            for number in range(1, 4):
                camera.send(f"{number}.jpg", picture_bytes(number))
            camera.send("snap.jpg", picture_bytes(4))
        assert states(stack.settled(camera.camera_id, 5)) == ["detected"] * 5
        assert "snap-2.jpg" in names_in(stack.camera(camera.camera_id))

    def test_a_killed_database_loses_no_upload(self, stack: Stack, camera: CameraClient) -> None:
        for process in stack.processes(r"/postgres -D "):
            process.kill()
        for number in range(4):
            camera.send(f"{number}.jpg", picture_bytes(number))
        eventually(stack.is_ready, within_s=60)
        assert states(stack.settled(camera.camera_id, 4)) == ["detected"] * 4


def test_the_key_of_the_certificate_is_ours_alone(stack: Stack, camera: CameraClient) -> None:
    hang_up(camera.connect(encrypted=True))
    certificate = stack.data_dir / "ftp" / "certificate.pem"
    assert (certificate.stat().st_mode & 0o777, certificate.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_process_says_where_it_listens(stack: Stack, camera: CameraClient) -> None:
    newest = "Heartbeat.objects.filter(queue='ftp').latest('at').detail"  # one that was killed may still be listed
    asked = f"from telemetry.models import Heartbeat; print('IS', {newest})"
    told = eventually(lambda: _last_line(stack, asked))
    assert f"127.0.0.1:{stack.ftp_port}" in told


def test_a_day_in_short(stack: Stack, spare_cameras: list[CameraClient]) -> None:
    """The load of `python -m tests.ftp.day`, with fewer files."""
    plan = day.plan_for([spare_cameras.pop() for _ in range(3)], files=150, seed=1)
    day.upload(plan, tell=lambda words: None)
    assert day.problems(stack, plan) == []


def _ftp_process(stack: Stack) -> psutil.Process:
    return eventually(lambda: stack.processes(r"manage\.py ftp"))[0]


def _comes_back(stack: Stack) -> None:
    eventually(lambda: answers(stack.ftp_port), within_s=60)


def _size_of_part(stack: Stack, camera: CameraClient, name: str = "snap.jpg") -> int:
    sizes = [
        path.stat().st_size
        for path in stack.camera(camera.camera_id).rglob(".*.part")
        if parts.real_name(path.name) == name
    ]
    return max(sizes, default=0)


def _last_line(stack: Stack, statements: str) -> str:
    line = stack.command("shell", "-c", statements).splitlines()[-1]
    return line.removeprefix("IS").strip()


def _log_of(stack: Stack, camera: CameraClient, *, until: str) -> list[str]:
    asked = f"from cameras.models import *\nfor e in FTPLogEntry.objects.filter(account={camera.camera_id!r}): print(e)"

    def look() -> list[str]:
        lines = stack.command("shell", "-c", asked).splitlines()
        return lines if any(until in line for line in lines) else []

    return eventually(look)


@contextmanager
def _frozen(processes: list[psutil.Process]) -> Iterator[None]:
    assert processes
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)
