"""Each program gets its own secrets and addresses, and nobody else's."""

from __future__ import annotations

import base64
import re
import socket
import stat
from pathlib import Path

import pytest

from deploy.local import demo
from deploy.local.environments import Backends, Environments, Ports
from deploy.local.stack import Stack, StackError

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environments(tmp_path):
    backends = Backends(
        reservations="postgres://u:reservations-password@127.0.0.1/r",
        billing="mysql://u:billing-password@127.0.0.1/b",
        portal="postgres://u:portal-password@127.0.0.1/p",
        broker="amqp://u:broker-password@127.0.0.1//",
    )
    extra = {"*": {"LOG_LEVEL": "DEBUG"}, "portal": {"PORTAL_WRONG_CODES_A_MINUTE": "3"}}
    return Environments(folder=tmp_path, ports=Ports(), backends=backends, extra=extra)


def test_the_portal_sees_no_other_programs_secret(environments, monkeypatch):
    monkeypatch.setenv("BILLING_SECRET_KEY", "from the shell")
    everything = environments.of("billing") | environments.of("reservations") | environments.of("middleware")

    seen = environments.of("portal")

    values = " ".join(seen.values())
    assert not [name for name in seen if name.startswith(("BILLING_", "RESERVATIONS_", "MIDDLEWARE_", "BROKER"))]
    for secret in ("billing-password", "reservations-password", "broker-password", "from the shell"):
        assert secret not in values
    for name in ("BILLING_SECRET_KEY", "BILLING_TICKET_KEYS", "MIDDLEWARE_SERVICE_KEY", "BILLING_GATEWAY_KEY"):
        assert everything[name] not in values


def test_web_programs_do_not_reach_the_broker_but_their_relays_do(environments):
    for site in ("reservations", "billing"):
        assert "BROKER_URL" not in environments.of(site)
        assert "broker-password" in environments.of(f"{site}-relay")["BROKER_URL"]


def test_only_the_middleware_holds_the_workers_key(environments):
    key = environments.secrets["WORKER_SERVICE_KEY"]

    for program in ("worker", "ingress", "middleware"):
        assert environments.of(program)["MIDDLEWARE_SERVICE_KEY"] == key
    for program in ("flower", "gateway", "portal"):
        assert key not in environments.of(program).values()


def test_a_site_accepts_the_keys_with_which_its_callers_sign(environments):
    accepted = environments.of("billing")["BILLING_SERVICE_KEYS"].split(",")

    assert f"portal:{environments.of('portal')['PORTAL_SERVICE_KEY']}" in accepted
    assert f"worker:{environments.of('worker')['MIDDLEWARE_SERVICE_KEY']}" in accepted


def test_secrets_stay_the_same_and_only_their_owner_reads_them(environments, tmp_path):
    first = environments.of("billing")
    again = Environments(folder=tmp_path, ports=Ports(), backends=Backends.embedded(tmp_path)).of("billing")

    assert again["BILLING_SECRET_KEY"] == first["BILLING_SECRET_KEY"]
    assert again["BILLING_TICKET_KEYS"] == first["BILLING_TICKET_KEYS"]
    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600


def test_variables_for_one_program_do_not_reach_another(environments):
    assert environments.of("portal")["PORTAL_WRONG_CODES_A_MINUTE"] == "3"
    assert "PORTAL_WRONG_CODES_A_MINUTE" not in environments.of("billing")
    assert environments.of("billing")["LOG_LEVEL"] == "DEBUG"


def test_a_port_is_moved_by_its_variable_and_a_wrong_one_is_named():
    assert Ports.from_environment({"PORTAL_PORT": "6003"}).portal == 6003
    assert Ports.from_environment({"PORTAL_PORT": ""}).portal == 5003
    with pytest.raises(ValueError, match=r"BILLING_PORT must be a port number, not 'x1'"):
        Ports.from_environment({"BILLING_PORT": "x1"})


def test_a_taken_port_is_named_with_the_variable_that_moves_it(tmp_path):
    stack = Stack.embedded(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", stack.ports.flower))
        other.listen()

        taken = stack.taken_ports()

    assert taken == {"flower": stack.ports.flower}
    assert f"port {stack.ports.flower} (flower)" in demo.in_the_way(taken)
    assert "FLOWER_PORT=" in demo.in_the_way(taken)


def test_a_failing_management_command_is_named_with_the_end_of_its_log(tmp_path):
    stack = Stack.embedded(tmp_path, say=lambda _: None)

    with pytest.raises(StackError, match=r"reservations_site.manage no_such_command ended with code 1") as caught:
        stack.manage("reservations", "no_such_command")

    assert "Unknown command" in str(caught.value)


def test_the_example_file_names_every_variable_that_the_code_reads():
    programs = ("reservations_site", "billing_site", "portal_site", "middleware_worker")
    sources = [file for program in programs for file in (ROOT / program).rglob("*.py") if "tests" not in file.parts]
    read = set()
    for file in sources:
        read |= set(re.findall(r"""\benv(?:\.\w+)?\(\s*"([A-Z_]+)\"""", file.read_text()))
        read |= set(re.findall(r"""environ(?:\.get\(|\[)"([A-Z_]+)\"""", file.read_text()))
    example = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE))

    read -= {"DJANGO_SETTINGS_MODULE"}
    assert len(read) > 30
    assert read - named == set()


def test_the_example_file_holds_no_secret_but_those_that_say_trial_only():
    lines = (ROOT / ".env.example").read_text().splitlines()
    secret = re.compile(r"^\w*(SECRET_KEY|SERVICE_KEYS?|GATEWAY_KEY|TICKET_KEYS|BASIC_AUTH|PASSWORD|COOKIE)=(.*)$")
    found = [match[2] for line in lines if (match := secret.match(line))]
    # A ticket key's seed is base64, and says it in there.
    found = [re.sub(r"^trialonly:(.*)$", lambda key: base64.b64decode(key[1]).decode(), value) for value in found]

    assert len(found) > 15
    assert [value for value in found if not all("trial-only" in part for part in value.split(","))] == []
