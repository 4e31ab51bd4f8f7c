"""Whatever breaks, a visitor sees a page of ours and never a stack trace."""

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError
from django.test import Client
from pytest_django.fixtures import Settings

from portal_site.catalogue.models import Snapshot
from portal_site.clients.tests.fakes import Sites

pytestmark = pytest.mark.django_db
PAGES = [
    "/",
    "/evento/1",
    "/evento/1/plano.json",
    "/evento/1/asientos.json",
    "/orden",
    "/orden/TF-0000-0000-0000",
    "/orden/TF-0000-0000-0000/estado.json",
    "/orden/TF-0000-0000-0000/boleto/x",
    "/orden/TF-0000-0000-0000/boleto/x/pdf",
    "/orden/TF-0000-0000-0000/boleto/x/devolver",
    "/cuenta/registro",
    "/cuenta/confirmar/x",
    "/cuenta/entrar",
    "/cuenta/clave-olvidada",
    "/cuenta/clave/x",
    "/cuenta/reclamar",
    "/mis-boletos",
    "/boleto/x",
    "/boleto/x/pdf",
    "/nada",
    "/orden/%00",
    "/orden/a%2fb/estado.json",
]


@pytest.fixture
def visitor(client: Client) -> Client:
    """A browser whose server errors come as pages, not as exceptions."""
    client.raise_request_exception = False
    return client


@pytest.fixture
def database_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*arguments: object, **named: object) -> None:
        raise OperationalError("the server went away")

    for name in ("load", "save", "exists", "create"):
        monkeypatch.setattr(SessionStore, name, lost)
    monkeypatch.setattr(Snapshot.objects, "filter", lost)
    monkeypatch.setattr(Snapshot.objects, "update_or_create", lost)


@pytest.mark.parametrize("down", [{"reservations"}, {"billing"}, {"reservations", "billing"}])
@pytest.mark.parametrize("address", PAGES)
def test_no_page_is_a_500_while_sites_are_down(visitor: Client, sites: Sites, address: str, down: set[str]) -> None:
    sites.down = down
    response = visitor.get(address)
    assert response.status_code in (200, 302, 404, 503)
    assert b"Traceback" not in response.content


@pytest.mark.parametrize("address", PAGES)
def test_no_page_is_a_500_while_nobody_listens(visitor: Client, settings: Settings, address: str) -> None:
    settings.RESERVATIONS_URL = settings.BILLING_URL = "http://127.0.0.1:9"
    assert visitor.get(address).status_code in (200, 302, 404, 503)


@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize("method", ["post", "put", "delete", "head", "options"])
def test_no_method_is_a_500(visitor: Client, address: str, method: str) -> None:
    assert getattr(visitor, method)(address).status_code < 500


@pytest.mark.usefixtures("database_lost")
def test_events_are_shown_while_the_portals_own_database_is_lost(visitor: Client) -> None:
    visitor.cookies["portal_session"] = "a" * 32
    response = visitor.get("/")
    assert response.status_code == 200
    assert "Concierto" in response.content.decode()


@pytest.mark.usefixtures("database_lost")
def test_a_page_that_needs_the_session_is_a_friendly_503_while_it_is_lost(visitor: Client) -> None:
    visitor.cookies["portal_session"] = "a" * 32
    response = visitor.get("/mis-boletos")
    assert response.status_code == 503
    assert "Estamos con problemas" in response.content.decode()


def test_a_mistake_of_ours_is_a_page_too(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("portal_site.catalogue.views.render", broken)
    response = visitor.get("/")
    assert response.status_code == 500
    assert "Algo falló de nuestro lado" in response.content.decode()
    assert b"secret detail" not in response.content


def test_forms_are_refused_without_their_csrf_token() -> None:
    response = Client(enforce_csrf_checks=True).post("/cuenta/entrar", {"who": "a@b.cl", "password": "x"})
    assert response.status_code == 403
    assert "La página estuvo abierta demasiado tiempo" in response.content.decode()


def test_health_says_whether_the_portal_works(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    response = client.get("/health")
    assert response.status_code == 200
    assert response.json()["status"] == "healthy"
    assert response.json()["database"] == "connected"

    def lost(*arguments: object) -> None:
        raise OperationalError("password authentication failed for user secret")

    monkeypatch.setattr("portal_site.pages.connection.cursor", lost)
    response = client.get("/health")
    assert response.status_code == 503
    assert response.json()["status"] == "unhealthy"
    assert "secret" not in response.content.decode()


def test_every_page_forbids_framing_sniffing_and_foreign_content(client: Client) -> None:
    for address in ("/", "/mis-boletos", "/nada"):
        response = client.get(address)
        policy = response["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Frame-Options"] == "DENY"
        assert "http://" not in response.content.decode().replace('xmlns="http://www.w3.org/2000/svg"', "")


def test_cookies_are_for_the_server_alone(client: Client) -> None:
    client.get("/")
    cookie = client.cookies["portal_csrf"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
