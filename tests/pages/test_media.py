"""Pictures and videos: only by their owners, only from below their roots, never anything a browser would run."""

from __future__ import annotations

from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.http import HttpResponseBase, StreamingHttpResponse
from django.test import AsyncClient

from accounts.models import Role, User
from cameras.models import Camera, Capture
from detections.models import Detection
from tests.factories import (
    CaptureFactory,
    DetectionFactory,
    UserFactory,
    write_original,
    write_picture,
    write_preview,
    write_thumbnail,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("closed_connections")]


async def signed_in_as(user: User) -> AsyncClient:
    client = AsyncClient()
    await client.aforce_login(user)
    return client


async def body_of(response: HttpResponseBase) -> bytes:
    assert isinstance(response, StreamingHttpResponse)
    chunks = [chunk async for chunk in response.__aiter__()]
    response.close()
    return b"".join(chunks)


@pytest.fixture
async def page(owner: User) -> AsyncClient:
    return await signed_in_as(owner)


@pytest.fixture
def capture(front: Camera) -> Capture:
    """A picture with one detection, all of its files in place."""
    capture = CaptureFactory.create(
        camera=front, file_path="front_door/visitor.jpg", preview_path="previews/2026-11-21/1.jpg"
    )
    write_thumbnail(DetectionFactory.create(capture=capture))
    write_preview(capture)
    write_original(capture)
    return capture


def addresses(capture: Capture) -> list[str]:
    detection = Detection.objects.get(capture=capture)
    return [f"/media/thumbnails/{detection.pk}", f"/media/previews/{capture.pk}", f"/media/originals/{capture.pk}"]


async def test_the_household_and_its_viewers_see_them(capture: Capture) -> None:
    for role, cameras in ((Role.OWNER, []), (Role.MEMBER, []), (Role.VIEWER, ["front_door"])):
        client = await signed_in_as(await sync_to_async(UserFactory.create)(role=role, camera_ids=cameras))
        for url in await sync_to_async(addresses)(capture):
            response = await client.get(url)
            assert response.status_code == 200
            assert response["Content-Type"] == "image/jpeg"
            assert response["X-Content-Type-Options"] == "nosniff"
            assert response["Cache-Control"].startswith("private")
            response.close()


async def test_a_viewer_of_another_camera_does_not(capture: Capture, stranger: User) -> None:
    client = await signed_in_as(stranger)
    for url in await sync_to_async(addresses)(capture):
        assert (await client.get(url)).status_code == 404


async def test_nobody_does_without_logging_in(capture: Capture) -> None:
    for url in await sync_to_async(addresses)(capture):
        assert (await AsyncClient().get(url))["Location"].startswith("/login/")


async def test_those_of_a_deleted_camera_are_gone(capture: Capture, page: AsyncClient) -> None:
    await Camera.objects.aupdate(deleted_at=capture.arrived_at)
    for url in await sync_to_async(addresses)(capture):
        assert (await page.get(url)).status_code == 404


async def test_the_original_comes_whole_or_in_parts(capture: Capture, page: AsyncClient) -> None:
    content = capture.path.read_bytes()
    size = len(content)
    url = f"/media/originals/{capture.pk}"
    whole = await page.get(url)
    assert await body_of(whole) == content
    assert whole["Content-Length"] == str(size)
    assert whole["Accept-Ranges"] == "bytes"
    for asked, first, last in (
        ("0-99", 0, 99),
        ("100-", 100, size - 1),
        ("-50", size - 50, size - 1),
        (f"5-{size * 9}", 5, size - 1),
    ):
        part = await page.get(url, headers={"Range": f"bytes={asked}"})
        assert part.status_code == 206
        assert part["Content-Range"] == f"bytes {first}-{last}/{size}"
        assert part["Content-Length"] == str(last - first + 1)
        assert await body_of(part) == content[first : last + 1]


@pytest.mark.parametrize("asked", ["bytes=9999999-", "bytes=50-40", "bytes=-0"])
async def test_a_part_that_is_not_there_is_refused(capture: Capture, page: AsyncClient, asked: str) -> None:
    response = await page.get(f"/media/originals/{capture.pk}", headers={"Range": asked})
    assert response.status_code == 416
    assert response["Content-Range"] == f"bytes */{capture.size}"


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=a-b", "bytes=" + "9" * 5000 + "-"])
async def test_a_range_we_do_not_speak_gets_everything(capture: Capture, page: AsyncClient, asked: str) -> None:
    response = await page.get(f"/media/originals/{capture.pk}", headers={"Range": asked})
    assert response.status_code == 200
    assert len(await body_of(response)) == capture.size


async def test_a_head_request_tells_without_sending(capture: Capture, page: AsyncClient) -> None:
    response = await page.head(f"/media/originals/{capture.pk}")
    assert response["Content-Length"] == str(capture.size)
    response.close()


async def test_another_content_in_its_place_is_not_passed_off(capture: Capture, page: AsyncClient) -> None:
    write_picture(capture.path, (128, 72))
    assert (await page.get(f"/media/originals/{capture.pk}")).status_code == 404


async def test_a_file_that_is_gone_is_not_there(capture: Capture, page: AsyncClient, data_dir: Path) -> None:
    capture.path.unlink()
    (data_dir / capture.preview_path).unlink()
    assert (await page.get(f"/media/originals/{capture.pk}")).status_code == 404
    assert (await page.get(f"/media/previews/{capture.pk}")).status_code == 404


@pytest.mark.parametrize(
    "path", ["../secret_key", "/etc/passwd", "previews/../../secret_key", "", "previews", "a\\x00b"]
)
async def test_no_stored_path_leads_out(capture: Capture, page: AsyncClient, data_dir: Path, path: str) -> None:
    (data_dir / "secret_key").write_text("secret")
    await Capture.objects.aupdate(preview_path=path, file_path=path)
    assert (await page.get(f"/media/previews/{capture.pk}")).status_code == 404
    assert (await page.get(f"/media/originals/{capture.pk}")).status_code == 404


async def test_a_link_is_not_followed(capture: Capture, page: AsyncClient, data_dir: Path) -> None:
    content = capture.path.read_bytes()
    elsewhere = data_dir / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "visitor.jpg").write_bytes(content)
    capture.path.unlink()
    capture.path.symlink_to(elsewhere / "visitor.jpg")
    assert (await page.get(f"/media/originals/{capture.pk}")).status_code == 404
    capture.path.unlink()
    capture.path.parent.rmdir()
    capture.path.parent.symlink_to(elsewhere)
    assert (await page.get(f"/media/originals/{capture.pk}")).status_code == 404


@pytest.mark.parametrize("file_type", ["text/html", "image/svg+xml", "application/xhtml+xml", ""])
async def test_what_a_browser_might_run_is_only_saved(capture: Capture, page: AsyncClient, file_type: str) -> None:
    await Capture.objects.aupdate(file_type=file_type)
    response = await page.get(f"/media/originals/{capture.pk}")
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")
    response.close()


async def test_an_odd_name_makes_no_odd_header(capture: Capture, page: AsyncClient) -> None:
    odd = 'front_door/a"\r\nX-Evil: 1é.jpg'
    path = capture.path
    await Capture.objects.aupdate(file_path=odd)
    renamed = path.with_name(odd.rpartition("/")[2])
    path.rename(renamed)
    response = await page.get(f"/media/originals/{capture.pk}")
    assert response.status_code == 200
    assert "X-Evil" not in response
    assert response["Content-Disposition"] == "inline; filename*=UTF-8''a%22%0D%0AX-Evil%3A%201%C3%A9.jpg"
    response.close()
