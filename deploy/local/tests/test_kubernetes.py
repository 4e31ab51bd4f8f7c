"""deploy/kubernetes builds, fits the schemas, is locked down, and restarts nothing because a database is away."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from deploy.local.environments import ROOT, Backends, Environments, Ports
from deploy.local.kubernetes import EVERYTHING, FOLDER, PODS, TRIAL, build, environment, found, name_of
from deploy.local.tests.test_dashboard import unknown

# The oldest that has all that we use, and the newest whose schemas there are.
VERSIONS = ["1.32", "1.37"]
CONTAINERS = [
    pytest.param(pod, container, id=f"{name}-{container['name']}")
    for name, pod in PODS.items()
    for container in pod["spec"].get("initContainers", []) + pod["spec"]["containers"]
]


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


LIVENESS = {
    name: pod["spec"]["containers"][0]["livenessProbe"]["httpGet"]["path"]
    for name, pod in PODS.items()
    if pod["metadata"]["labels"].get("part") == "web"
}


@pytest.mark.parametrize("site", LIVENESS)
def test_a_site_without_its_database_is_alive_and_not_well(site: str, tmp_path: Path) -> None:
    away = Backends(
        "postgres://x:x@127.0.0.1:1/x",
        "mysql://x:x@127.0.0.1:1/x",
        "postgres://x:x@127.0.0.1:1/x",
        "amqp://x:x@127.0.0.1:1/",
    )
    module = "middleware_worker.gateway.settings" if site == "middleware" else f"{site}_site.settings"
    env = {
        **os.environ,
        **Environments(folder=tmp_path, ports=Ports(), backends=away).of(site),
        "DJANGO_SETTINGS_MODULE": module,
    }
    ask = "import django, sys; django.setup(); from django.test import Client; "
    ask += "print(*(Client(headers={'host': 'localhost'}).get(path).status_code for path in sys.argv[1:]))"
    command = [sys.executable, "-c", ask, LIVENESS[site], "/health"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["200", "503"], done.stderr


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
