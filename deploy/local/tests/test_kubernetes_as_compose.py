"""deploy/kubernetes says the same as docker-compose.yml: programs, settings, secrets, stores, who reaches whom."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.engine import find_program
from deploy.local.environments import ROOT
from deploy.local.kubernetes import (
    EVERYTHING,
    EXAMPLE,
    FOLDER,
    OWN,
    PODS,
    SERVICES,
    TRIAL,
    build,
    environment,
    found,
    make_secrets,
    place,
    secrets,
)

# An operator runs these, or they belong to one machine.
ELSEWHERE = re.compile(r"(etcd|patroni|mariadb|rabbitmq)-\d|proxy-.*|portal-database|demo-data")
# Where a cluster differs from one machine, and what an installation names itself.
DIFFERENT = {
    *("BIND", "OPERATORS_BIND", "HTTPS", "NUM_PROXIES"),  # behind an ingress controller that ends TLS
    *("WEB_NETWORK", "FRONT_PROXY", "PUBLIC_SCHEME", "NGINX_ENVSUBST_TEMPLATE_DIR"),
    *("RESERVATIONS_ADDRESS_RATE", "RESERVATIONS_AT_ONCE", "PORTAL_ROOM_PAGES", "PORTAL_ADDRESS_PAGES"),  # two of nginx
    *("BILLING_GATEWAY", "BILLING_PORTAL_URL", "BILLING_RESERVATIONS_METRICS_URL"),
    *(f"{site}_ALLOWED_HOSTS" for site in ("RESERVATIONS", "BILLING", "PORTAL", "MIDDLEWARE")),
    *(f"{site}_TRUSTED_ORIGINS" for site in ("RESERVATIONS", "BILLING", "PORTAL")),
}


def default(value: object) -> str:
    """What Compose passes when .env says nothing."""
    return re.sub(r"\$\{\w+:?-([^}]*)\}", r"\1", str(value))


def test_everything_of_compose_is_there() -> None:
    ours = {place(name) for name in SERVICES if not ELSEWHERE.fullmatch(name)}
    assert ours == PODS.keys()


@pytest.mark.parametrize("service", [name for name in SERVICES if place(name) in PODS])
def test_a_program_gets_the_same_command_and_settings(service: str) -> None:
    theirs = SERVICES[service]
    [container] = PODS[place(service)]["spec"]["containers"]
    values, secret = environment(container)
    # Passed on by Compose when .env has one, else the program's own default.
    wanted = {name: value for name, value in theirs.get("environment", {}).items() if value is not None}
    assert wanted.keys() - DIFFERENT <= values.keys()
    assert secret <= wanted.keys(), "a secret that is another program's"
    told = {name: default(wanted[name]) for name in wanted.keys() - DIFFERENT - secret}
    assert {name: values[name] for name in told} == told
    if place(service) != "mailpit":
        assert container["args"] == [word.replace("$$", "$") for word in theirs.get("command", [])]
    if theirs["image"].startswith("ticketflow/"):
        assert container["image"] == theirs["image"]
    grace = PODS[place(service)]["spec"].get("terminationGracePeriodSeconds", 30)
    assert grace >= int(theirs.get("stop_grace_period", "10s").removesuffix("s"))


def test_no_secrets_are_made_of_published_ones() -> None:
    assert "published trial secrets" in make_secrets(EXAMPLE + "METRICS_TOKEN=made\n").stderr


@pytest.mark.parametrize("name", ["BILLING_GATEWAY_KEY", "RABBITMQ_SELLER_PASSWORD", "METRICS_TOKEN"])
def test_no_secrets_are_made_while_one_is_missing(name: str) -> None:
    done = make_secrets(re.sub(rf"^{name}=.*$", "", OWN, flags=re.MULTILINE))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(f"has no {name}.\n")


def test_the_manifests_hold_no_secret() -> None:
    assert not [one for one in EVERYTHING if one["kind"] == "Secret"]
    assert "trial-only" not in yaml.safe_dump_all(EVERYTHING)


# The same as the stores of docker-compose.yml


def settings(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, _, value in lines}


def test_postgresql_has_the_parameters_of_patroni() -> None:
    patroni = yaml.safe_load((ROOT / "deploy/patroni/patroni.yml").read_text())["bootstrap"]["dcs"]
    spec = found("Cluster", "postgres")["spec"]
    operators = {"wal_level", "wal_log_hints", "log_line_prefix"}
    theirs = {name: str(value) for name, value in patroni["postgresql"]["parameters"].items() if name not in operators}
    assert spec["postgresql"]["parameters"] == theirs
    assert (patroni["synchronous_mode"], patroni["synchronous_mode_strict"]) == ("quorum", True)
    count = patroni["synchronous_node_count"]
    quorum = {"method": "any", "number": count, "dataDurability": "required", "failoverQuorum": True}
    assert spec["postgresql"]["synchronous"] == quorum


def test_mariadb_has_the_settings_of_its_nodes() -> None:
    spec = found("MariaDB", "mariadb")["spec"]
    theirs = settings((ROOT / "deploy/mariadb/node.cnf").read_text())
    # Said in fields of the operator's, named by it, or only for many servers on one machine.
    apart = {"log-bin", "relay-log", "gtid-strict-mode", "sync-binlog", "innodb-use-native-aio"}
    apart |= {name for name in theirs if name.startswith("rpl-semi-sync")}
    assert settings(spec["myCnf"]) == {name: value for name, value in theirs.items() if name not in apart}
    assert "skip-name-resolve" in spec["myCnf"]
    replication = spec["replication"]
    assert theirs["rpl-semi-sync-master-wait-point"] == "AFTER_SYNC"
    assert replication["semiSyncWaitPoint"] == "AfterSync"
    hours, minutes, seconds = map(int, re.fullmatch(r"(\d+)h(\d+)m(\d+)s", replication["semiSyncAckTimeout"]).groups())
    assert (hours * 60 + minutes) * 60 + seconds == int(theirs["rpl-semi-sync-master-timeout"]) // 1000
    assert replication["semiSyncWaitNoSlave"] is True
    assert replication["primary"]["autoFailover"] is False
    rights = re.search(r"GRANT (.*) ON billing\.\* TO billing@'%'", (ROOT / "deploy/mariadb/init").read_text())[1]
    assert found("Grant", "billing")["spec"]["privileges"] == rights.split(", ")


def test_rabbitmq_has_the_settings_and_users_of_its_nodes() -> None:
    theirs = settings((ROOT / "deploy/rabbitmq/rabbitmq.conf").read_text())
    operators = {name for name in theirs if name.startswith("cluster_formation")} | {"cluster_name", "load_definitions"}
    ours = settings(found("RabbitmqCluster", "rabbitmq")["spec"]["rabbitmq"]["additionalConfig"])
    assert ours.pop("load_definitions") == "/etc/ticketflow/definitions.json"
    assert ours == {name: value for name, value in theirs.items() if name not in operators}
    definitions = json.loads((ROOT / "deploy/rabbitmq/definitions.json").read_text())
    made = json.loads(secrets()["rabbitmq-definitions"]["definitions.json"])
    passwords = {user["name"]: user.pop("password") for user in made["users"]}
    for user in definitions["users"]:
        del user["password"]
    assert made == definitions
    assert passwords["admin"] == secrets()["rabbitmq-admin"]["password"]
    assert f":{passwords['ticketflow']}@" in secrets()["broker"]["BROKER_URL"]


def test_nginx_finds_pods_where_compose_has_addresses(tmp_path: Path) -> None:
    [container] = PODS["nginx"]["spec"]["containers"]
    values, _ = environment(container)
    [volume] = [one for one in PODS["nginx"]["spec"]["volumes"] if one["name"] == "templates"]
    for name, template in found("ConfigMap", volume["configMap"]["name"])["data"].items():
        text = re.sub(r"\$\{(\w+)\}", lambda match: values[match[1]], template)
        (tmp_path / name.removesuffix(".template")).write_text(text)
    env = {**values, "POD_NAMESPACE": "shop", "CONFIGURATION": str(tmp_path), "PATH": "/usr/bin:/bin"}
    subprocess.run(["sh", FOLDER / "base/nginx/upstreams.sh"], env=env, check=True)
    text = "\n".join(file.read_text() for file in tmp_path.iterdir())
    assert "replica." not in re.sub(r"#.*", "", text)
    servers = re.findall(r"server (\S+)-pods\.shop\.svc\.cluster\.local:(\d+) resolve( backup)?", text)
    ports = {"reservations": "8083", "billing": "5002", "portal": "5003", "middleware": "8000"}
    assert set(servers) == {(site, port, backup) for site, port in ports.items() for backup in ("", " backup")}
    assert text.count(f"allow {values['POD_NETWORK']};") == 2
    assert re.search(r"^resolver \S+ .*valid=2s;$", text, re.MULTILINE)
    # What this machine's nginx says to it: without `resolve`, which it may be too old for, and with names it can find.
    for file in tmp_path.iterdir():
        file.write_text(
            re.sub(r"[a-z]+-pods\.shop\.svc\.cluster\.local(:\d+)( resolve)?", r"127.0.0.1\1", file.read_text())
        )
    shutil.copy(ROOT / "deploy/nginx/nginx.conf", tmp_path / "main")
    here = {"/etc/nginx/conf.d": tmp_path, "/opt/ticketflow/nginx": ROOT / "deploy/nginx"}
    here |= {"/dev/std(out|err)": tmp_path / "log", "(?<!n)/tmp/(?!pytest)": f"{tmp_path}/"}
    for file in [*tmp_path.glob("*.conf"), tmp_path / "main"]:
        text = file.read_text()
        for old, new in here.items():
            text = re.sub(old, str(new), text)
        file.write_text(text)
    nginx = find_program("nginx", advice="On Debian: apt-get install nginx-light")
    asked = subprocess.run([nginx, "-t", "-c", tmp_path / "main"], capture_output=True, text=True, check=False)
    assert asked.returncode == 0, asked.stderr


def matches(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items()
    among = selector.get("matchExpressions", [])
    return wanted <= labels.items() and all(labels.get(one["key"]) in one["values"] for one in among)


@pytest.mark.parametrize(
    ("network", "called", "port"),
    [
        ("postgres", {"cnpg.io/cluster": "postgres"}, 5432),
        ("billing-database", {"app.kubernetes.io/name": "mariadb"}, 3306),
        ("portal-database", {"cnpg.io/cluster": "portal-database"}, 5432),
        ("broker", {"app.kubernetes.io/name": "rabbitmq"}, 5672),
        ("web", {"app": "nginx"}, "reservations"),
        ("outside", {"app": "gateway", "part": "simulator"}, 5010),
    ],
)
def test_a_store_is_reached_by_whom_compose_lets_reach_it(
    network: str, called: dict[str, str], port: int | str
) -> None:
    policies = [one["spec"] for one in build(TRIAL) if one["kind"] == "NetworkPolicy"]
    rules = [rule for one in policies if matches(one["podSelector"], called) for rule in one.get("ingress", [])]
    peers = [
        peer for rule in rules if {"port": port} in rule["ports"] for peer in rule["from"] if "podSelector" in peer
    ]
    ours = {
        name for name, pod in PODS.items() for one in peers if matches(one["podSelector"], pod["metadata"]["labels"])
    }
    theirs = {place(name) for name, service in SERVICES.items() if network in service.get("networks", [])} & PODS.keys()
    # It goes to the servers themselves in Compose; and these three are called, or call no site.
    theirs |= {"billing-heal"} if network == "billing-database" else set()
    assert ours == theirs - {"nginx", "flower" if network == "web" else "", "mailpit", "gateway"}
