"""The sale of one event in a frame on another site."""

import re

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from portal_site.clients.tests.fakes import Sites

pytestmark = pytest.mark.django_db


def test_only_the_sites_of_the_setting_may_frame_it_and_only_this_page(client: Client, settings: Settings) -> None:
    settings.EMBED_ORIGINS = ["https://teatro.example"]
    framed, shop = client.get("/embed/1/"), client.get("/evento/1")
    assert "frame-ancestors https://teatro.example;" in framed["Content-Security-Policy"] + ";"
    assert "default-src 'none'" in framed["Content-Security-Policy"]
    assert "X-Frame-Options" not in framed
    assert "frame-ancestors 'none'" in shop["Content-Security-Policy"]
    assert shop["X-Frame-Options"] == "DENY"


def test_nobody_may_frame_it_when_the_setting_is_empty(client: Client) -> None:
    assert "frame-ancestors 'none'" in client.get("/embed/1/")["Content-Security-Policy"]


def test_it_needs_no_cookie_and_sends_the_choice_to_a_tab_of_its_own(client: Client) -> None:
    response = client.get("/embed/1/")
    html = response.content.decode()
    assert not response.cookies
    assert "csrfmiddlewaretoken" not in html
    form = re.search(r"<form [^>]*>", html)
    assert form
    assert 'method="get" action="/evento/1" target="_blank"' in form[0]


def test_it_speaks_the_language_that_its_address_asks_for(client: Client) -> None:
    assert "Continue on TicketFlow" in client.get("/embed/1/?lang=en").content.decode()
    assert "Continuar en TicketFlow" in client.get("/embed/1/?lang=xx").content.decode()


def test_it_says_why_nothing_can_be_chosen(client: Client, sites: Sites) -> None:
    sites.events[1]["status"] = "cancelled"
    html = client.get("/embed/1/").content.decode()
    assert "fue cancelado" in html
    assert "reserve-form" not in html
    assert client.get("/embed/999/").status_code == 404
