"""The real thing: every process that `manage.py up` starts, on a folder and a port of the test's own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, Request, StorageState, ViewportSize, sync_playwright

from tests.stack import OWNER, PASSWORD, Stack, running_stack, short_folder

SOON_MS = 20_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def home() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """One stack with an owner, shared by the tests that leave it running: each uses cameras of its own."""
    with short_folder() as folder, running_stack(folder) as shared:
        yield shared


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    """For one module's tests: while it runs, no other event loop can."""
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    own = playwright.chromium.executable_path
    path = next(filter(None, map(shutil.which, BROWSERS)), own if Path(own).exists() else None)
    if path is None:
        pytest.skip("NO BROWSER: pages are not tested. Install chromium, or run: playwright install chromium")
    browser = playwright.chromium.launch(executable_path=path, args=BROWSER_ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def signed_in(browser: Browser, stack: Stack) -> StorageState:
    """The owner's cookies, as one login leaves them."""
    context = browser.new_context(base_url=stack.url)
    log_in(context.new_page())
    cookies = context.storage_state()
    context.close()
    return cookies


@pytest.fixture
def page(browser: Browser, stack: Stack, signed_in: StorageState) -> Iterator[Page]:
    """The owner's browser page. A script error or a request to another host fails the test."""
    size: ViewportSize = {"width": 1280, "height": 900}
    context = browser.new_context(viewport=size, base_url=stack.url, storage_state=signed_in)
    page = context.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))

    def note_foreign(request: Request) -> None:
        if not request.url.startswith((stack.url, "data:", "blob:")):
            trouble.append(request.url)

    page.on("request", note_foreign)
    yield page
    context.close()
    assert not trouble


def log_in(page: Page) -> None:
    page.goto("/login/")
    page.get_by_label("Username").fill(OWNER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/")
