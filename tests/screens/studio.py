"""One browser of one size that takes pictures."""

import base64
import io
import re
from contextlib import AbstractContextManager
from email import message_from_bytes, policy
from pathlib import Path

import requests
from PIL import Image
from playwright.sync_api import Browser, Page

from deploy.local.stack import Stack
from middleware_worker.contract.credentials import ServiceAuth
from tests.browser import SIZES

COLOURS = 200
TALLEST = 2600


class Studio:
    """Walks through a running demo. `take` adds a picture; what does not come within 60 s is an error."""

    def __init__(self, browser: Browser, stack: Stack, size: str, folder: Path) -> None:
        on_phone = size == "phone"
        context = browser.new_context(
            viewport=SIZES[size], locale="es-CL", reduced_motion="reduce", has_touch=on_phone, is_mobile=on_phone
        )
        self.page: Page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.stack, self.size, self.folder = stack, size, folder

    def take(self, name: str, *, whole: bool = False, dark: bool = False) -> None:
        """What the screen shows, or the whole page; with `dark` a second picture in dark."""
        self.page.wait_for_load_state("load")
        self.page.wait_for_timeout(250)
        for scheme in ("light", "dark") if dark else ("light",):
            self.page.emulate_media(color_scheme=scheme)
            self.page.wait_for_timeout(150)
            name_of = f"{name}-dark" if scheme == "dark" else name
            picture = Image.open(io.BytesIO(self.page.screenshot(full_page=whole, animations="disabled")))
            picture = picture.convert("RGB").crop((0, 0, picture.width, min(picture.height, TALLEST)))
            few = picture.quantize(COLOURS, dither=Image.Dither.NONE)
            few.save(self.folder / f"{name_of}-{self.size}.png", optimize=True)
            print(f"  {name_of}-{self.size}.png", flush=True)
        self.page.emulate_media(color_scheme="light")

    def visit(self, program: str, path: str, name: str = "", *, whole: bool = False, dark: bool = False) -> None:
        self.page.goto(self.stack.url(program, path))
        if name:
            self.take(name, whole=whole, dark=dark)

    def fill(self, **values: str) -> None:
        for field, value in values.items():
            self.page.locator(f"[name={field}]").first.fill(value)

    def log_in(self, program: str, user: str, password: str) -> None:
        self.visit(program, "/admin/login/")
        self.fill(username=user, password=password)
        self.page.locator("[type=submit]").first.click()
        self.page.locator("#user-tools").wait_for()

    def order_is(self, state: str) -> None:
        self.page.locator(f"[data-order-status={state}]").first.wait_for(timeout=90_000)

    def without(self, *programs: str) -> AbstractContextManager[None]:
        """The programs are stopped meanwhile."""
        return self.stack.without(*programs)

    def send_dead_letter(self, body: bytes, *, code: str, reason: str) -> None:
        """As the ingress stores what an outside seller sent and nobody could read."""
        auth = ServiceAuth(
            caller="worker", audience="billing", key=self.stack.environments.secrets["WORKER_SERVICE_KEY"]
        )
        letter = {
            "queue": "new_ticket", "code": code, "reason": reason, "delivery_id": f"{self.size}:{code}",
            "body_base64": base64.b64encode(body).decode(),
        }  # fmt: skip
        url = self.stack.url("billing", "/api/internal/dead-letters")
        requests.post(url, json={"dead_letters": [letter]}, auth=auth, timeout=30).raise_for_status()

    def mail(self, subject: str) -> str:
        """The HTML of the newest mail whose subject holds these words; empty when there is none."""
        for path in sorted(self.stack.environments.mail.glob("*"), key=lambda one: -one.stat().st_mtime):
            for raw in re.split(rb"^-{70,}$", path.read_bytes(), flags=re.MULTILINE):
                message = message_from_bytes(raw.strip(), policy=policy.default)
                html = message.get_body(("html",)) if subject in str(message["Subject"]) else None
                if html:
                    return str(html.get_content())
        return ""
