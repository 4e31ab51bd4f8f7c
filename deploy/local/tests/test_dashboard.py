"""deploy/dashboard asks for metrics that the code has, by labels that they have, and points at headings that exist."""

import ast
import json
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[3]
DASHBOARD = ROOT / "deploy/dashboard"
SOURCES = [
    "middleware_worker/contract/metrics.py",
    "middleware_worker/outbox/metrics.py",
    "middleware_worker/gateway/metrics.py",
    "billing_site/dead_letters/metrics.py",
]
# What Prometheus and its configuration add to every metric.
ADDED = {"site", "job", "instance"}


def metrics() -> dict[str, set[str]]:
    """The names as they are scraped, each with its labels."""
    found = {"up": ADDED, "haproxy_backend_active_servers": {"proxy"}}
    for source in SOURCES:
        for call in ast.walk(ast.parse((ROOT / source).read_text())):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.args):
                continue
            kind, name = call.func.id, call.args[0]
            if kind not in {"Counter", "Histogram", "gauge"} or not isinstance(name, ast.Constant):
                continue
            lists = [ast.literal_eval(a) for a in call.args[2:] if isinstance(a, ast.List)]
            named = {ast.literal_eval(k.value) for k in call.keywords if k.arg == "label"}
            labels = ADDED | named | set(*lists)
            if kind == "Histogram":
                found |= {f"{name.value}_count": labels, f"{name.value}_sum": labels}
                found[f"{name.value}_bucket"] = labels | {"le"}
            else:
                found[f"{name.value}_total" if kind == "Counter" else name.value] = labels
    return found


def rules() -> list[dict]:
    [group] = yaml.safe_load((DASHBOARD / "alerts.yml").read_text())["groups"]
    return group["rules"]


def expressions() -> list[str]:
    panels = json.loads((DASHBOARD / "grafana.json").read_text())["panels"]
    return [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels for target in panel["targets"]]


def unknown(expression: str) -> set[str]:
    """The metrics and labels of an expression that the code does not have."""
    known = metrics()
    used = set(re.findall(r"\b(?:ticketflow|haproxy)_\w+|\bup\b", expression))
    labels = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"", expression))
    for group in re.findall(r"by \(([^)]*)\)", expression):
        labels |= {label.strip() for label in group.split(",")}
    return (used - known.keys()) | {label for label in labels if not all(label in known.get(m, ()) for m in used)}


@pytest.mark.parametrize("expression", expressions())
def test_the_code_has_every_metric_and_label(expression):
    assert re.search(r"ticketflow_|haproxy_|\bup\b", expression)
    parts = expression.split(" or ")
    assert [unknown(part) for part in parts] == [set()] * len(parts)


@pytest.mark.parametrize(
    "wrong",
    ["ticketflow_requests", "ticketflow_carry_seconds", 'ticketflow_closed{state="open"}', "sum by (queue) (up)"],
)
def test_a_wrong_name_is_found(wrong):
    assert unknown(wrong)


def test_every_alert_names_a_heading_of_the_runbook():
    headings = re.findall(r"^### (.+)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    assert {rule["annotations"]["runbook"] for rule in rules()} <= set(headings)
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_every_replica_is_scraped():
    job, proxy = yaml.safe_load((DASHBOARD / "prometheus.yml").read_text())["scrape_configs"]
    targets = {target for group in job["static_configs"] for target in group["targets"]}
    ports = {"reservations": 8083, "billing": 5002, "portal": 5003, "middleware": 8000}
    assert targets == {f"{site}-{number}:{port}" for site, port in ports.items() for number in (1, 2)}
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert proxy["static_configs"] == [{"targets": ["proxy-postgres:7001"]}]
    assert {"listen primary", "bind :7001"} <= {
        line.strip().removeprefix("  ") for line in (ROOT / "deploy/haproxy/postgres.cfg").read_text().splitlines()
    }
    for target in targets:
        name, port = target.split(":")
        assert services[name]["environment"]["PORT"] == port
