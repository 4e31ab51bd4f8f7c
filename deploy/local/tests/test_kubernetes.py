"""deploy/kubernetes builds, fits the schemas, is locked down, and says the same as docker-compose.yml."""

from __future__ import annotations

import copy
import functools
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from deploy.local.engine import find_program
from deploy.local.environments import ROOT
from deploy.local.tests.test_dashboard import unknown

FOLDER = ROOT / "deploy/kubernetes"
TRIAL = "overlays/trial"
# The oldest that has all that we use, and the newest whose schemas there are.
VERSIONS = ["1.32", "1.37"]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# An operator runs these, or they belong to one machine.
ELSEWHERE = re.compile(r"(etcd|patroni|mariadb|rabbitmq)-\d|proxy-.*|portal-database|demo-data")
# Where a cluster differs from one machine, and what an installation names itself.
DIFFERENT = {
    *("BIND", "OPERATORS_BIND", "HTTPS", "NUM_PROXIES"),  # behind an ingress controller that ends TLS
    *("WEB_NETWORK", "FRONT_PROXY", "PUBLIC_SCHEME", "NGINX_ENVSUBST_TEMPLATE_DIR"),
    *("RESERVATIONS_ADDRESS_RATE", "RESERVATIONS_AT_ONCE"),  # two of nginx
    *("BILLING_GATEWAY", "BILLING_PORTAL_URL", "BILLING_RESERVATIONS_METRICS_URL"),
    *(f"{site}_ALLOWED_HOSTS" for site in ("RESERVATIONS", "BILLING", "PORTAL", "MIDDLEWARE")),
    *(f"{site}_TRUSTED_ORIGINS" for site in ("RESERVATIONS", "BILLING", "PORTAL")),
}


@functools.cache
def build(overlay: str) -> list[dict[str, Any]]:
    command = [Path(sys.executable).parent / "kubectl", "kustomize", "--load-restrictor", "LoadRestrictionsNone"]
    done = subprocess.run([*command, FOLDER / overlay], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


EVERYTHING = build("base") + build(TRIAL)


def found(kind: str, name: str) -> dict[str, Any]:
    """The object of the base, or what only a trial has."""
    return next(one for one in EVERYTHING if (one["kind"], one["metadata"]["name"]) == (kind, name))


def name_of(one: dict[str, Any]) -> str:
    return one["metadata"]["name"]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for one in reversed(EVERYTHING):
        spec = one.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if one["kind"] in {"Deployment", "Job", "CronJob"}:
            yield one["metadata"]["name"], template


PODS = dict(pods())
CONTAINERS = [
    pytest.param(pod, container, id=f"{name}-{container['name']}")
    for name, pod in PODS.items()
    for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]
]


@functools.cache
def secrets() -> dict[str, dict[str, str]]:
    """What make-secrets makes of .env.example, with the words that it refuses taken out."""
    text = (ROOT / ".env.example").read_text().replace("trial-only", "made").replace("trialonly", "made")
    done = make_secrets(text + "METRICS_TOKEN=made\n")
    assert done.returncode == 0, done.stderr
    return {one["metadata"]["name"]: one["stringData"] for one in json.loads(done.stdout)["items"]}


def make_secrets(env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, FOLDER / "make-secrets", "/dev/stdin"]
    return subprocess.run(command, input=env, capture_output=True, text=True, check=False)


def environment(container: dict[str, Any]) -> tuple[dict[str, str], set[str]]:
    """A container's variables, and which of them come from a Secret."""
    values: dict[str, str] = {}
    secret: set[str] = set()
    for source in container.get("envFrom", []):
        if "secretRef" in source:
            values |= secrets()[source["secretRef"]["name"]]
            secret |= secrets()[source["secretRef"]["name"]].keys()
        else:
            values |= found("ConfigMap", source["configMapRef"]["name"])["data"]
    for one in container.get("env", []):
        values[one["name"]] = one.get("value", "")
        secret.discard(one["name"])
        if "secretKeyRef" in one.get("valueFrom", {}):
            ref = one["valueFrom"]["secretKeyRef"]
            values[one["name"]] = secrets()[ref["name"]][ref["key"]]
            secret.add(one["name"])
    return values, secret


# The schemas


def closed(fields: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object that has these fields and no others; a field with a schema of its own keeps it."""
    words = {"type", "enum", "const"}
    said = {
        name: one if words & one.keys() and not isinstance(one.get("type"), dict) else closed(one)
        for name, one in fields.items()
    }
    return {"type": "object", "properties": said, "additionalProperties": False}


def fits(one: dict[str, Any], version: str) -> None:
    shapes = yaml.safe_load((FOLDER / "custom-resources.yaml").read_text())
    shape = shapes.get(one["kind"])
    if not shape:
        kubernetes_validate.validate(one, version, strict=True)
        return
    assert one["apiVersion"] == shape["apiVersion"]
    assert one.keys() == {"apiVersion", "kind", "metadata", "spec"}
    jsonschema.validate(one["spec"], closed(shape["spec"]))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_fits_its_schema(version: str) -> None:
    for text in {yaml.safe_dump(one) for one in EVERYTHING}:
        one = yaml.safe_load(text)
        try:
            fits(one, version)
        except jsonschema.ValidationError as error:
            pytest.fail(f"{one['kind']} {one['metadata']['name']}: {list(error.absolute_path)}: {error.message}")


@pytest.mark.parametrize(
    ("kind", "name", "path", "value"),
    [
        ("Deployment", "reservations", "spec.template.spec.containers.0.livenessProbe.httpGet.prot", "http"),
        ("Deployment", "worker", "spec.template.spec.terminationGracePeriodSeconds", "a minute"),
        ("Job", "billing-migrate", "spec.template.spec.restartPolicies", "OnFailure"),
        ("NetworkPolicy", "nginx", "spec.podSelectors", {}),
        ("HorizontalPodAutoscaler", "billing", "spec.maxReplica", 3),
        ("Cluster", "postgres", "spec.postgresql.synchronous.method", "most"),
        ("Cluster", "postgres", "spec.postgresql.parameters.max_connections", 200),
        ("MariaDB", "mariadb", "spec.replication.primary.autofailover", False),
        ("RabbitmqCluster", "rabbitmq", "spec.replicas", 2),
        ("ScaledObject", "worker", "spec.triggers.0.metadata.address", "http://prometheus"),
    ],
)
def test_a_wrong_field_is_found(kind: str, name: str, path: str, value: object) -> None:
    one = copy.deepcopy(found(kind, name))
    *way, last = path.split(".")
    at: Any = one
    for step in way:
        at = at[int(step)] if step.isdigit() else at[step]
    at[last] = value
    with pytest.raises(jsonschema.ValidationError):
        fits(one, VERSIONS[-1])


# The same as docker-compose.yml


def place(service: str) -> str:
    return re.sub(r"-\d$", "", service)


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


@pytest.mark.parametrize("name", ["BILLING_GATEWAY_KEY", "FLOWER_BASIC_AUTH", "METRICS_TOKEN"])
def test_no_secrets_are_made_while_one_is_missing_or_published(name: str) -> None:
    example = (ROOT / ".env.example").read_text()
    assert "published trial secrets" in make_secrets(example + "METRICS_TOKEN=made\n").stderr
    text = re.sub(rf"^{name}=.*$", "", example, flags=re.MULTILINE)
    done = make_secrets(text.replace("trial-only", "made").replace("trialonly", "made"))
    assert done.returncode == 1
    assert done.stderr.endswith((f"has no {name}.\n", "has no METRICS_TOKEN.\n"))


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


# Locked down, and looked after


@pytest.mark.parametrize(("pod", "container"), CONTAINERS)
def test_a_container_has_no_more_rights_than_it_needs(pod: dict[str, Any], container: dict[str, Any]) -> None:
    spec = pod["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    rights = container["securityContext"]
    assert rights["allowPrivilegeEscalation"] is False
    assert rights["readOnlyRootFilesystem"] is True
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"]
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()


@pytest.mark.parametrize("name", sorted({one["metadata"]["name"] for one in EVERYTHING if one["kind"] == "Deployment"}))
def test_a_program_is_not_restarted_because_another_one_is_away(name: str) -> None:
    [container] = PODS[name]["spec"]["containers"]
    liveness = container.get("livenessProbe", {})
    assert liveness.get("httpGet", {}).get("path") != "/health"
    if PODS[name]["metadata"]["labels"].get("part") == "web":
        assert container["readinessProbe"]["httpGet"]["path"] == "/health"
        assert {"startupProbe", "livenessProbe", "lifecycle"} <= container.keys()
    elif name != "portal-jobs":
        assert container["readinessProbe"]


def test_budgets_scalers_and_policies_name_what_there_is() -> None:
    labels = [pod["metadata"]["labels"] for pod in PODS.values()]
    stores = [
        {"app.kubernetes.io/name": "mariadb"},
        {"app.kubernetes.io/name": "rabbitmq"},
        *({"cnpg.io/cluster": name} for name in ("postgres", "portal-database")),
    ]

    def selects(selector: dict[str, Any]) -> bool:
        for key, value in selector.get("matchLabels", {}).items():
            assert any(one.get(key) == value for one in labels + stores), (key, value)
        for one in selector.get("matchExpressions", []):
            assert set(one["values"]) <= {each.get(one["key"]) for each in labels}, one
        return True

    deployments = {one["metadata"]["name"] for one in build(TRIAL) if one["kind"] == "Deployment"}
    targets = []
    for one in build(TRIAL):
        spec = one.get("spec", {})
        if one["kind"] in {"HorizontalPodAutoscaler", "ScaledObject"}:
            targets.append(spec["scaleTargetRef"]["name"])
            assert "replicas" not in found("Deployment", targets[-1])["spec"]
        if one["kind"] == "PodDisruptionBudget":
            assert selects(spec["selector"])
        if one["kind"] == "Service":
            assert selects({"matchLabels": spec["selector"]})
        if one["kind"] == "NetworkPolicy":
            assert selects(spec["podSelector"])
            for rule in spec.get("ingress", []):
                assert all(selects(peer["podSelector"]) for peer in rule["from"] if "podSelector" in peer)
    assert len(targets) == len(set(targets))
    assert set(targets) <= deployments
    for name in deployments - set(targets):
        assert found("Deployment", name)["spec"]["replicas"]


@pytest.mark.parametrize("one", [one for one in build("base") if one["kind"] == "ScaledObject"], ids=name_of)
def test_what_scales_is_a_metric_that_the_sites_show(one: dict[str, Any]) -> None:
    for trigger in one["spec"]["triggers"]:
        assert "ticketflow_" in trigger["metadata"]["query"]
        assert not unknown(trigger["metadata"]["query"])


def test_pods_stay_within_the_connections_of_their_database() -> None:
    """A surge of one more pod while a release is rolled out, and some for relays, jobs and the operator."""
    for site in ("reservations", "billing"):
        [container] = PODS[site]["spec"]["containers"]
        values, _ = environment(container)
        most = found("HorizontalPodAutoscaler", site)["spec"]["maxReplicas"] + 1
        assert most * int(values["WEB_WORKERS"]) * int(values["WEB_THREADS"]) <= 160
    assert int(found("Cluster", "postgres")["spec"]["postgresql"]["parameters"]["max_connections"]) == 200
