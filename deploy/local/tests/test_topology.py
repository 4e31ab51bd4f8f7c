"""What docker-compose.yml promises, read from the file itself: no engine is needed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from deploy.local.environments import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# They run once, or for an operator.
ONCE = {name for name, service in SERVICES.items() if service.get("restart") == "no"}
STORES = {"patroni-1", "patroni-2", "patroni-3", "proxy-postgres", "mariadb-1", "mariadb-2", "proxy-mariadb"}
PUBLISHING = {"nginx", "proxy-postgres", "proxy-mariadb", "proxy-rabbitmq", "mailpit"}


def networks(name: str) -> set[str]:
    return set(SERVICES[name].get("networks", ["default"]))


def reached(name: str) -> set[str]:
    return {other for other in SERVICES if other != name and networks(name) & networks(other)}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_bounded_and_has_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert not service.get("privileged")
    assert not service.get("cap_add")
    assert "docker.sock" not in str(service.get("volumes", ""))


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONCE))
def test_a_service_that_stays_is_checked_and_restarted(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", ["portal-1", "portal-2"])
def test_the_portal_reaches_no_database_but_its_own(name: str) -> None:
    assert not reached(name) & STORES
    assert "portal-database" in reached(name)


@pytest.mark.parametrize("name", [name for name in SERVICES if name.startswith("billing")])
def test_billing_does_not_reach_postgresql(name: str) -> None:
    assert not {other for other in reached(name) if other.startswith(("patroni", "proxy-postgres"))}


@pytest.mark.parametrize("name", ["worker", "ingress", "middleware-1", "middleware-2", "flower"])
def test_the_middleware_reaches_no_database(name: str) -> None:
    assert not reached(name) & (STORES | {"portal-database"})


def test_what_heals_after_a_restore_runs_on_demand_and_reaches_its_own_database_and_the_other_site() -> None:
    adopts, heals = SERVICES["reservations-adopt"], SERVICES["billing-heal"]
    for service, command in ((adopts, "adopt"), (heals, "heal")):
        assert service["profiles"] == ["promotion"]
        assert service["restart"] == "no"
        assert service["command"][-1] == command
    assert networks("reservations-adopt") == {"postgres", "web"}
    assert networks("billing-heal") == {"mariadb", "outside", "web"}
    assert adopts["environment"] == SERVICES["reservations-1"]["environment"]


@pytest.mark.parametrize(("site", "parts"), [("reservations", 4), ("billing", 4), ("portal", 3)])
def test_a_restore_stops_and_starts_every_part_of_a_site(site: str, parts: int) -> None:
    """A new part that writes to the site's database has to be named in deploy/restore too."""
    text = (ROOT / "deploy/restore").read_text()
    carriers = re.search(rf"^  {site}\) .*carriers=\((.*)\) ;;$", text, re.MULTILINE)[1].split()
    stopped = {f"{site}-1", f"{site}-2", *carriers}
    stay = {name for name, service in SERVICES.items() if service["image"] == f"ticketflow/{site}"} - ONCE
    assert len(stopped) == parts
    assert stopped == stay - {"gateway"}


def test_only_proxies_and_the_mail_catcher_publish_ports() -> None:
    assert {name for name, service in SERVICES.items() if service.get("ports")} == PUBLISHING


@pytest.mark.parametrize("name", sorted(PUBLISHING))
def test_ports_are_published_to_this_machine_alone_unless_the_settings_say_otherwise(name: str) -> None:
    assert all(re.match(r"\$\{(OPERATORS_)?BIND:-127\.0\.0\.1\}:", port) for port in SERVICES[name]["ports"])


def test_every_variable_that_must_be_set_is_in_the_example() -> None:
    needed = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "docker-compose.yml").read_text()))
    given = set(re.findall(r"^([A-Z_]+)=.", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert needed
    assert needed <= given


def test_what_the_example_offers_reaches_the_programs() -> None:
    offered = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    # The first belong to the images, the others to programs that run without Compose.
    own = {name for name in offered if name.endswith("_STATIC_ROOT")} | {"INSTANCE", "PROMETHEUS_MULTIPROC_DIR"}
    elsewhere = {"BROKER_FOLDER", "GATEWAY_PORT"}
    passed = set(re.findall(r"[A-Z_]{4,}", (ROOT / "docker-compose.yml").read_text()))
    assert offered - own - elsewhere <= passed


def test_images_have_readable_tags() -> None:
    for name, service in SERVICES.items():
        image = service["image"]
        assert image.startswith("ticketflow/") or re.search(r":v?\d", image), name
        assert "@sha256" not in image


@pytest.mark.parametrize("program", ["reservations", "billing", "portal", "middleware", "flower"])
def test_metrics_are_not_open_to_the_public_ports(program: str) -> None:
    text = (ROOT / f"deploy/nginx/templates/{program}.conf.template").read_text()
    servers = text.split("server {")[1:]
    assert all("location = /metrics { return 404; }" in server for server in servers if "proxy_pass" in server)


def test_compose_itself_accepts_the_file() -> None:
    """Where the client is there; `.ci/run` installs nothing for it, since the rules above need none."""
    asked = ["docker", "compose", "version"]
    if not shutil.which("docker") or subprocess.run(asked, capture_output=True, check=False).returncode:
        return
    command = ["docker", "compose", "--env-file", ".env.example", "config", "--quiet"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr


def test_a_seller_has_a_virtual_host_apart_from_our_queues() -> None:
    rights = json.loads((ROOT / "deploy/rabbitmq/definitions.json").read_text())["permissions"]
    (seller,) = [one for one in rights if one["user"] == "seller"]
    assert (seller["vhost"], seller["configure"], seller["read"]) == ("/", "^new_ticket$", "^$")
    brokers = [str(service.get("environment", {}).get("BROKER_URL", "")) for service in SERVICES.values()]
    assert {url.rpartition("/")[2] for url in brokers if url} == {"ticketflow}"}
