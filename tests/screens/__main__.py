"""python -m tests.screens [folder] [walk or size ...]     # docs/screens, all walks and both sizes by default."""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from billing_site.payments.tests.webpay_stand_in import API_KEY, COMMERCE_CODE, Webpay
from deploy.local.environments import ROOT
from deploy.local.stack import Stack
from tests.browser import ARGUMENTS, CHROMIUM, SIZES
from tests.screens.box_office import box_office
from tests.screens.desk import desk
from tests.screens.portal import buyer
from tests.screens.room import room
from tests.screens.studio import Studio
from tests.screens.webpay import webpay

Walk = Callable[[Studio], None]
WALKS: dict[str, Walk] = {"buyer": buyer, "box_office": box_office, "desk": desk, "room": room}
failed: list[str] = []
QUICK = {"BILLING_GATEWAY_TIMEOUT_SECONDS": "2", "RESERVATIONS_THROTTLE": "1000000/min"}


def walk_through(browser: Browser, stack: Stack, folder: Path, walks: list[Walk], sizes: list[str]) -> None:
    """A walk that fails says so and the next one begins."""
    for _second in range(180):
        if (stack.folder / "demo-orders.paid").exists():
            break
        time.sleep(1)
    for size in sizes:
        for walk in walks:
            try:
                walk(Studio(browser, stack, size, folder))
            except Exception as error:
                print(f"  {walk.__name__} ({size}): {error}", flush=True)
                failed.append(walk.__name__)


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screens"
    folder.mkdir(parents=True, exist_ok=True)
    sizes = [word for word in sys.argv[2:] if word in SIZES] or [*SIZES]
    wanted = [word for word in sys.argv[2:] if word not in SIZES] or [*WALKS, "webpay"]
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, env={**os.environ, "LANGUAGE": "es"}
        )
        if walks := [WALKS[name] for name in wanted if name in WALKS]:
            with Stack.embedded(Path(place) / "demo", without=["flower"], extra={"*": QUICK}) as stack:
                walk_through(browser, stack, folder, walks, sizes)
        if "webpay" in wanted:
            with Webpay() as found:
                at_webpay = QUICK | {
                    "BILLING_GATEWAY": "webpay",
                    "BILLING_WEBPAY_URL": found.url,
                    "BILLING_WEBPAY_COMMERCE_CODE": COMMERCE_CODE,
                    "BILLING_WEBPAY_API_KEY": API_KEY,
                }
                unused = ["flower", "gateway", "ingress", "middleware"]
                options = {"extra": {"*": QUICK, "billing": at_webpay, "billing-jobs": at_webpay}}
                with Stack.embedded(Path(place) / "webpay", without=unused, **options) as stack:
                    (stack.folder / "demo-orders.paid").touch()
                    walk_through(browser, stack, folder, [webpay], sizes)
        browser.close()
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
