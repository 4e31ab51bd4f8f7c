"""The manifests of deploy/kubernetes as kubectl builds them, and what docker-compose.yml says: for the tests."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from deploy.local.environments import ROOT

FOLDER = ROOT / "deploy/kubernetes"
TRIAL = "overlays/trial"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EXAMPLE = (ROOT / ".env.example").read_text()
# With the words that make-secrets refuses taken out.
OWN = EXAMPLE.replace("trial-only", "made").replace("trialonly", "made") + "METRICS_TOKEN=made\n"


@functools.cache
def build(overlay: str) -> list[dict[str, Any]]:
    kubectl = str(Path(sys.executable).with_name("kubectl"))
    command = [kubectl, "kustomize", "--load-restrictor", "LoadRestrictionsNone", str(FOLDER / overlay)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
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


@functools.cache
def secrets() -> dict[str, dict[str, str]]:
    """What make-secrets makes of OWN."""
    done = make_secrets(OWN)
    assert done.returncode == 0, done.stderr
    return {one["metadata"]["name"]: one["stringData"] for one in json.loads(done.stdout)["items"]}


def make_secrets(env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / "make-secrets"), "/dev/stdin"]
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


def place(service: str) -> str:
    """The name here of a service of Compose, where each replica is one."""
    return re.sub(r"-\d$", "", service)
