"""The sale of one event in a frame on a seller's own site; see docs/embedding.md.

The frame needs no cookie: it only chooses. Reserving and paying happen in a tab of the portal's own, where no browser
withholds the session and no other site can draw over the buttons.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import Http404
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from portal_site.catalogue import selectors
from portal_site.catalogue.views import choosing, plan_of
from portal_site.checkout.forms import Choice
from portal_site.clients.calls import Visitor
from portal_site.waiting_room.rooms import room_or_none


@never_cache
@xframe_options_exempt
@require_safe
def embedded_event(request: HttpRequest, event_id: int) -> HttpResponse:
    """The seat map without the shop around it; `?lang=en` chooses the language, for want of a cookie."""
    language = request.GET.get("lang", settings.LANGUAGE_CODE)
    with translation.override(language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE):
        visitor = Visitor.of(request)
        found = selectors.event(event_id, visitor)
        if found is None:
            raise Http404
        plan = plan_of(event_id, visitor)
        context = choosing(request, found, plan, Choice()) | {"embed": True, "room": room_or_none(event_id, visitor)}
        response = render(request, "portal/embed.html", context, status=200 if plan else 503)
    # Only this page, and only for the sites of the setting; X-Frame-Options knows no list of sites.
    response._csp_replace = {"frame-ancestors": settings.EMBED_ORIGINS or ["'none'"]}  # type: ignore[attr-defined]
    return response
