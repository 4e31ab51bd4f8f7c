"""A buyer as the tests in the browser know her: her account, and every page of the portal that she may see."""

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from playwright.sync_api import Page, expect

from middleware_worker.contract.rut import format_rut
from tests.world import DECLINED, SLOW, World, until

PASSWORD = "una-clave-larga-9"
MAKE_BUYER = """
from django.utils import timezone
from billing_site.accounts.models import Person
now = timezone.now()
person = Person.objects.create_user({rut}, {password!r}, full_name="Ana Ñuñoa", email={email!r})
Person.objects.filter(pk=person.pk).update(registered_at=now, email_confirmed_at=now)
"""


class Buyer(NamedTuple):
    rut: int
    email: str

    @property
    def rut_display(self) -> str:
        return format_rut(self.rut)


def make_buyer(world: World) -> Buyer:
    """Somebody with an account, whose address is confirmed."""
    rut = world.new_rut()
    buyer = Buyer(rut, f"ana{rut}@example.com")
    code = MAKE_BUYER.format(rut=rut, password=PASSWORD, email=buyer.email)
    world.stack.manage("billing", "shell", "-v0", "-c", code)
    return buyer


def enter(world: World, page: Page, buyer: Buyer) -> None:
    """Logs her in to the portal."""
    page.goto(world.stack.url("portal", "/cuenta/entrar"))
    page.locator("[name=who]").fill(buyer.email)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("#login").click()
    expect(page.locator("#logout")).to_be_visible()


def mailed_link(world: World, to: str, below: str) -> str:
    """The path of the newest link below this address of the portal that was mailed to somebody; waits for it."""
    return mailed_link_in(world.stack.environments.mail, to, below)


def mailed_link_in(folder: Path, to: str, below: str) -> str:
    """The same of the mails of a folder."""

    def found() -> str | None:
        for path in sorted(folder.glob("*"), key=lambda one: -one.stat().st_mtime):
            text = path.read_text().replace("=\n", "").replace("=3D", "=")
            link = re.search(
                rf"^To: {re.escape(to)}$.*?({re.escape(below)}[\w.\-:=%]+)", text, re.DOTALL | re.MULTILINE
            )
            if link:
                return unquote(link[1])
        return None

    return str(until(f"a mail to {to} with a link below {below}", found))


def pages(world: World, buyer: Buyer) -> tuple[dict[str, str], dict[str, str]]:
    """The addresses of all pages by name: those that anybody sees, and those of the buyer logged in.

    Her orders are in every state in which one stays for a while.
    """
    event, seats = world.make_event(seats=12, rows=2, price=25_000)
    hers = {"rut": buyer.rut, "email": buyer.email}
    codes = {}
    for state, seat in zip(("pending", "declined", "paying", "expired"), seats, strict=False):
        codes[state] = world.held(seat, **hers)["code"]
        world.arrived(codes[state])
    assert world.pay(codes["declined"], DECLINED).status == 402
    world.pay(codes["paying"], SLOW)
    world.cancel(codes["expired"])
    world.order_is(codes["expired"], "expired")
    paid = world.paid(*seats[5:8], **hers)
    kept, given, _third = (ticket["external_id"] for ticket in paid["tickets"])
    world.staff().refund(given)
    order, ticket = f"/orden/{paid['code']}", f"/orden/{paid['code']}/boleto/{kept}"
    anybodys = {
        "events": "/",
        "event": f"/evento/{event}",
        "lost": f"/evento/{event}?seat={seats[0]}&seat={seats[9]}",
        "embed": f"/embed/{event}/",
        **{state: f"/orden/{code}" for state, code in codes.items()},
        "paid": order,
        "ticket": ticket,
        "ticket-refunded": f"/orden/{paid['code']}/boleto/{given}",
        "refund": f"{ticket}/devolver",
        "find": "/orden",
        "register": "/cuenta/registro",
        "confirm": "/cuenta/confirmar/x",
        "login": "/cuenta/entrar",
        "forgot": "/cuenta/clave-olvidada",
        "reset": "/cuenta/clave/x",
        "confirm-email": "/cuenta/correo/x",
        "my-tickets-of-nobody": "/mis-boletos",
        "not-found": "/no-hay",
    }
    own = {
        "my-tickets": "/mis-boletos",
        "account": "/cuenta",
        "claim": "/cuenta/reclamar",
        "own-ticket": f"/boleto/{kept}",
        "own-refund": f"/boleto/{kept}/devolver",
    }
    return anybodys, own
