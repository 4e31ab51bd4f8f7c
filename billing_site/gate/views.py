"""The gate's pages: one for a telephone at the door, and the list of what was let in twice."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from billing_site.gate import offline, selectors, wording
from billing_site.gate.models import Entry

View = Callable[[HttpRequest], HttpResponse]
CHECK_IN = "tickets.check_in_ticket"
# The decoder is WebAssembly; nowhere else may a page run any. Styles stand in files alone.
PAGE_CSP = {
    "default-src": ["'none'"],
    "script-src": ["'self'", "'wasm-unsafe-eval'"],
    "style-src": ["'self'"],
    "img-src": ["'self'"],
    "connect-src": ["'self'"],
    "worker-src": ["'self'"],
    "manifest-src": ["'self'"],
    "base-uri": ["'none'"],
    "form-action": ["'self'"],
    "frame-ancestors": ["'none'"],
}


def staff_with(*permissions: str) -> Callable[[View], View]:
    """Whoever is not logged in as staff is asked to; then one of the permissions is needed."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest) -> HttpResponse:
            user = request.user
            if not (user.is_active and user.is_staff):
                return redirect_to_login(request.get_full_path(), reverse("admin:login"))
            if not any(user.has_perm(permission) for permission in permissions):
                raise PermissionDenied
            return view(request)

        return guarded

    return decorate


@require_safe
@never_cache
@ensure_csrf_cookie
@csp_replace(PAGE_CSP)
@staff_with(CHECK_IN)
def gate_page(request: HttpRequest) -> HttpResponse:
    """The telephone's page. It knows nothing of who asks, so that it may be kept and opened without network."""
    context = {
        "config": {
            "warn_minutes": settings.GATE_LIST_WARNING_MINUTES,
            "language": get_language(),
            "time_zone": settings.TIME_ZONE,
            "urls": {
                "events": "/api/gate/events",
                "scans": "/api/gate/scans",
                "admissions": "/api/gate/admissions",
                "worker": reverse("gate:service_worker"),
                "login": f"{reverse('admin:login')}?next={reverse('gate:gate')}",
                "zxing": static(offline.ZXING),
                "noble": static("gate/vendor/noble-ed25519-3.2.0/index.js"),
            },
            "texts": wording.texts(),
        },
        "limits": wording.LIMITS,
    }
    return TemplateResponse(request, "gate/gate.html", context)


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """The program that keeps the page on the telephone: no secrets, and fetched without a log-in too."""
    context = {
        "version": offline.version(),
        "files": json.dumps(offline.urls()),
        "page": reverse("gate:gate"),
    }
    response = TemplateResponse(request, "gate/sw.js", context, content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """With it the page can be put on the telephone's first screen, without the browser's bars."""
    icon = {"src": static("gate/icon.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any maskable"}
    about = {
        "name": _("TicketFlow · Puerta"), "short_name": _("Puerta"), "start_url": reverse("gate:gate"),
        "scope": reverse("gate:gate"), "display": "standalone", "background_color": "#101425",
        "theme_color": "#101425", "icons": [icon],
    }  # fmt: skip
    return JsonResponse(about, content_type="application/manifest+json")


@require_safe
@never_cache
@staff_with(CHECK_IN, "tickets.view_admission")
def doubles_page(request: HttpRequest) -> HttpResponse:
    """Every entry that billing could not count: who was let in twice, or with a ticket that was no longer good."""
    chosen = selectors.open_event(request.GET.get("event", ""))
    rows = selectors.conflicts(chosen).select_related("ticket__admission", "ticket__order")[:500]
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Entradas dobles"),
        "events": selectors.open_events(),
        "chosen": chosen,
        "rows": [_row(entry) for entry in rows],
        "may_see_orders": request.user.has_perm("tickets.view_order"),
    }
    return TemplateResponse(request, "gate/doubles.html", context)


def _row(entry: Entry) -> dict[str, Any]:
    (shown,) = selectors.shown([entry])
    return {"entry": entry, "place": shown["place"], "first": shown["first"], "why": wording.WHY[entry.outcome]}
