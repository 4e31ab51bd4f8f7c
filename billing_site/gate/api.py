"""What a gate's device asks and tells. Only staff who may let people in."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing_site.accounts.authentication import EVERYONE, Caller, Identified
from billing_site.documents import wording
from billing_site.gate import selectors, services
from billing_site.gate.serializers import (
    AdmissionRequest,
    AdmissionsAnswer,
    AdmissionsRequest,
    EventOfGate,
    GateList,
    ScanAnswer,
    ScanRequest,
)
from billing_site.gate.services import Act
from billing_site.tickets.models import Ticket
from billing_site.tickets.scan import GateEvent, Scan
from billing_site.tickets.serializers import ErrorShape
from middleware_worker.contract.drf import ApiError

# A device that was away for longer had its clock put right in between.
LONGEST_AWAY = timedelta(days=30)


class GuardView(APIView):
    """Staff with the check-in permission; `guard` is who it is."""

    authentication_classes = EVERYONE
    permission_classes = [Identified]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        caller = Caller.of(request)
        if not caller.may("tickets.check_in_ticket"):
            raise ApiError(403, "forbidden", _("No tiene permiso para esta acción"))
        self.guard = str(caller.staff)


class EventsView(GuardView):
    @extend_schema(responses={200: OpenApiTypes.OBJECT, 401: ErrorShape, 403: ErrorShape})
    def get(self, request: Request) -> Response:
        """The events that gates may admit, the nearest first, and who is asking."""
        return Response({"you": self.guard, "events": [event_row(event) for event in selectors.open_events()]})


class ListView(GuardView):
    @extend_schema(
        parameters=[GateList], responses={200: OpenApiTypes.OBJECT, 304: None, 403: ErrorShape, 404: ErrorShape}
    )
    def get(self, request: Request, key: str) -> Response:
        """All that a device needs to go on without network; with `since` what changed. 304 by its ETag."""
        asked = GateList(data=request.query_params)
        asked.is_valid(raise_exception=True)
        event = selectors.open_event(key)
        if event is None:
            raise NotFound
        # Before the rows: what changes meanwhile is asked for again.
        tag = selectors.tag(event)
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if tag in request.headers.get("If-None-Match", ""):
            return Response(status=304, headers=headers)
        found = selectors.gate_list(event, since=asked.validated_data.get("since"))
        return Response({**found, "you": self.guard}, headers=headers)


class ScansView(GuardView):
    @extend_schema(request=ScanRequest, responses={200: ScanAnswer, 403: ErrorShape, 409: ErrorShape})
    def post(self, request: Request) -> Response:
        """Lets the holder of what was scanned or typed in, once, or says why not."""
        asked = ScanRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        given, now = asked.validated_data, timezone.now()
        act = Act(
            id=given["id"], device=given["device"], gate=given["gate"], event=EventOfGate.of(given["event"]), at=now,
            scanned_at=now, scanned_by=self.guard,
        )  # fmt: skip
        text = given["text"] if "text" in given else _external_id(given["number"])
        try:
            answer = services.ask(text=text or "", act=act, by=self.guard)
        except services.ReusedId:
            raise ApiError(409, "reused_id", _("El identificador ya se usó para otro boleto")) from None
        return Response(_answer(answer))


class AdmissionsView(GuardView):
    @extend_schema(request=AdmissionsRequest, responses={200: AdmissionsAnswer, 400: ErrorShape, 403: ErrorShape})
    def post(self, request: Request) -> Response:
        """Takes over whom a device let in without network. Each is recorded; what billing knew better is a conflict."""
        asked = AdmissionsRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        given, now = asked.validated_data, timezone.now()
        results = [
            self._take(item, device=given["device"], sent_at=given["sent_at"], now=now) for item in given["admissions"]
        ]
        return Response({"results": results})

    def _take(self, item: dict[str, Any], *, device: Any, sent_at: datetime, now: datetime) -> dict[str, Any]:
        row = AdmissionRequest(data=item)
        try:
            row.is_valid(raise_exception=True)
        except ValidationError as error:
            return {"id": str(item.get("id", ""))[:40], "outcome": "invalid", "error": str(error.detail)[:300]}
        given = row.validated_data
        age = min(max(sent_at - given["scanned_at"], timedelta(0)), LONGEST_AWAY)
        act = Act(
            id=given["id"], device=device, gate=given["gate"], event=EventOfGate.of(given["event"]), at=now - age,
            scanned_at=given["scanned_at"], scanned_by=given["scanned_by"], listed=given["listed"],
        )  # fmt: skip
        ticket = given.get("ticket") or _external_id(given["number"]) or f"n.º {given['number']}"
        try:
            entry = services.tell(act=act, ticket=ticket, by=self.guard)
        except services.ReusedId:
            return {"id": str(act.id), "outcome": "reused_id"}
        return {"id": str(act.id), "outcome": entry.outcome}


def event_row(event: GateEvent) -> dict[str, Any]:
    return {"key": event.key, "name": event.name, "starts_at": event.starts_at}


def _external_id(number: int) -> str | None:
    return Ticket.objects.filter(pk=number).values_list("external_id", flat=True).first()


def _answer(scan: Scan) -> dict[str, Any]:
    ticket = scan.ticket
    return {
        "code": scan.code,
        "at": scan.at,
        "gate": scan.gate,
        "event": ticket.event if ticket else "",
        "number": ticket.pk if ticket else None,
        "place": wording.seat_line(section=ticket.section, seat=ticket.seat) if ticket else "",
        "holder": f"{ticket.order.name or ticket.person.full_name} {ticket.person.rut_display}".strip()
        if ticket
        else "",
        "choices": [
            {
                "number": choice.pk,
                "place": wording.seat_line(section=choice.section, seat=choice.seat),
                "status": choice.status,
            }
            for choice in scan.choices
        ],
    }
