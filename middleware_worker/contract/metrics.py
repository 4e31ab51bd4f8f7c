"""Prometheus metrics of a program at /metrics: its requests, and what its settings.METRICS collect when asked.

Served only with `Authorization: Bearer $METRICS_TOKEN`, before everything else (sessions, databases, host names: a
scraper asks each replica by its address); without a token in the environment there is no such page. With several
gunicorn workers set PROMETHEUS_MULTIPROC_DIR to an empty folder, so that each answers for all; without it a worker
answers for itself alone.
"""

import hmac
import os
import time
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.module_loading import import_string
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

PATH = "/metrics"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10)

requests = Counter("ticketflow_requests", "Answers to callers", ["program", "view", "method", "status"])
latency = Histogram("ticketflow_request_seconds", "From request to answer", ["program", "view"], buckets=SECONDS)


class Measured:
    """The outermost middleware: counts and times every request, and serves /metrics itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == PATH:
            return page(request)
        began = time.perf_counter()
        response = self.get_response(request)
        # The pattern of the address, not the address: codes and ids would make a series each.
        view = request.resolver_match.route if request.resolver_match else "other"
        requests.labels(settings.SERVICE_NAME, view, request.method or "", response.status_code).inc()
        latency.labels(settings.SERVICE_NAME, view).observe(time.perf_counter() - began)
        return response


def page(request: HttpRequest) -> HttpResponse:
    """All metrics as text; 404 where no token is set, 401 for a wrong one."""
    if not settings.METRICS_TOKEN:
        return JsonResponse({"error": "No encontrado", "code": "not_found"}, status=404)
    given = request.headers.get("Authorization", "").encode()
    if not hmac.compare_digest(given, f"Bearer {settings.METRICS_TOKEN}".encode()):
        return JsonResponse({"error": "Se requiere autenticación", "code": "not_authenticated"}, status=401)
    return HttpResponse(generate_latest(_registry()) + generate_latest(_asked_now()), content_type=CONTENT_TYPE_LATEST)


def gauge(name: str, help: str, values: dict[str, float], *, label: str = "") -> Metric:
    """A value, or one for each value of a label, as it is now."""
    family = GaugeMetricFamily(name, help, labels=[label] if label else [])
    for key, value in values.items():
        family.add_metric([key] if label else [], value)
    return family


def _registry() -> CollectorRegistry:
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        return REGISTRY
    shared = CollectorRegistry()
    MultiProcessCollector(shared)
    return shared


class _Collected:
    """What the settings name, asked at each scrape; what cannot be asked is missing, and said to be."""

    def collect(self) -> Iterator[Metric]:
        failed = 0
        for path in settings.METRICS:
            try:
                collect: Callable[[], Iterable[Metric]] = import_string(path)
                yield from list(collect())
            except Exception:
                failed += 1
        yield gauge("ticketflow_metrics_missing", "Collectors that failed at this scrape", {"": failed})


def _asked_now() -> CollectorRegistry:
    found = CollectorRegistry()
    found.register(_Collected())  # type: ignore[arg-type]
    return found
