"""Tickets and orders: reading them, letting people in, giving a ticket back, its document."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from billing_site.accounts.authentication import EVERYONE, Caller, Identified
from billing_site.documents.services import NotIssued, document_for
from billing_site.failures import ReadsFallBack
from billing_site.payments import refunds
from billing_site.tickets import representations, selectors, services
from billing_site.tickets.models import Ticket
from billing_site.tickets.serializers import (
    CheckInRequest,
    ErrorShape,
    OrderShape,
    RefundRequest,
    TicketFilters,
    TicketPage,
    TicketShape,
)
from middleware_worker.contract.drf import ApiError
from middleware_worker.outbox.transactions import retrying_statement

BOOKING_CODE = "X-Booking-Code"


class Pages(PageNumberPagination):
    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"


class IdentifiedView(APIView):
    authentication_classes = EVERYONE
    permission_classes = [Identified]

    def ticket(self, request: Request, external_id: str) -> Ticket:
        """The ticket that the caller may act on; 404 for one they may not even know of."""
        code = request.headers.get(BOOKING_CODE, "")
        found = selectors.ticket_for(Caller.of(request), external_id, booking_code=code)
        if found is None:
            raise NotFound
        return found


class TicketsView(ReadsFallBack, IdentifiedView):
    @extend_schema(
        operation_id="tickets_list", parameters=[TicketFilters], responses={200: TicketPage, 401: ErrorShape}
    )
    def get(self, request: Request) -> Response:
        """The caller's tickets, newest first; staff and programs see all."""
        filters = TicketFilters(data=request.query_params)
        filters.is_valid(raise_exception=True)
        caller = Caller.of(request)
        wanted = dict(filters.validated_data)
        if "event" in wanted and wanted["event"].isascii() and wanted["event"].isdigit():
            wanted["event_id"] = int(wanted.pop("event"))
        if "rut" in wanted:
            wanted["person_id"] = wanted.pop("rut")
        rows = selectors.tickets_for(caller).filter(**wanted)
        pages = Pages()
        page = pages.paginate_queryset(rows, request, view=self) or []
        return pages.get_paginated_response(shown(page, held=caller.customer is not None))


class TicketView(ReadsFallBack, IdentifiedView):
    @extend_schema(responses={200: TicketShape, 401: ErrorShape, 404: ErrorShape})
    def get(self, request: Request, external_id: str) -> Response:
        """One ticket."""
        caller = Caller.of(request)
        code = request.headers.get(BOOKING_CODE, "")
        proven = selectors.ticket_for(caller, external_id, booking_code=code)
        found = proven or selectors.tickets_for(caller).filter(external_id=external_id).first()
        if found is None:
            raise NotFound
        return Response(
            shown([found], held=proven is not None and (caller.customer is not None or caller.is_portal))[0]
        )


class OrderView(ReadsFallBack, IdentifiedView):
    @extend_schema(responses={200: OrderShape, 401: ErrorShape, 404: ErrorShape})
    def get(self, request: Request, code: str) -> Response:
        """An order with its tickets; 404 also while billing has not heard of it yet."""
        found = selectors.order_for(Caller.of(request), code)
        if found is None:
            raise NotFound
        return Response(representations.order(found))


class CheckInView(IdentifiedView):
    @extend_schema(request=CheckInRequest, responses={200: TicketShape, 409: ErrorShape})
    def post(self, request: Request, external_id: str) -> Response:
        """Lets the holder in, once; 409 with the reason in `code` when not."""
        caller = Caller.of(request)
        if not caller.may("tickets.check_in_ticket"):
            raise ApiError(403, "forbidden", _("No tiene permiso para esta acción"))
        asked = CheckInRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        try:
            row = services.check_in(
                ticket=external_id, event=given.get("event") or None, gate=given["gate"], by=caller.by
            )
        except services.CheckInRefused as refusal:
            status = 404 if refusal.code == "unknown" else 409
            when = {"at": refusal.at, "gate": refusal.gate} if refusal.code == "already_used" else {}
            raise ApiError(status, refusal.code, refusal.sentence, **when) from refusal
        return Response(representations.ticket(row))


class RefundView(IdentifiedView):
    @extend_schema(request=RefundRequest, responses={200: TicketShape, 404: ErrorShape, 409: ErrorShape})
    def post(self, request: Request, external_id: str) -> Response:
        """Gives a paid, unused ticket back. Buyers until the event begins, staff with permission at any time."""
        caller = Caller.of(request)
        row = self.ticket(request, external_id)
        asked = RefundRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        if caller.staff is not None and not caller.may("tickets.refund_ticket"):
            raise ApiError(403, "forbidden", _("No tiene permiso para esta acción"))
        if caller.staff is None and row.status == Ticket.Status.PAID and not selectors.is_refundable(row):
            raise ApiError(409, "not_refundable", _("El evento ya comenzó"))
        try:
            done = refunds.refund_ticket(ticket=row, reason=asked.validated_data["reason"], by=caller.by)
        except refunds.NotRefundable as refusal:
            raise ApiError(409, "not_refundable", refusal.sentence) from refusal
        return Response(shown([done], held=caller.staff is None)[0])


class DocumentView(ReadsFallBack, IdentifiedView):
    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY, 202: ErrorShape, 404: ErrorShape})
    def get(self, request: Request, external_id: str) -> Response | HttpResponse:
        """The ticket's PDF; 202 while it is in preparation."""
        row = self.ticket(request, external_id)
        try:
            pdf = document_for(row)
        except NotIssued:
            raise ApiError(409, "not_issued", _("El boleto no tiene documento")) from None
        if pdf is None:
            return Response({"code": "preparing", "error": _("El documento se está preparando")}, status=202)
        response = HttpResponse(pdf, content_type="application/pdf")
        response["Content-Disposition"] = f'inline; filename="boleto-{row.pk}.pdf"'
        response["Cache-Control"] = "private, no-store"
        return response


@retrying_statement
def shown(rows: list[Ticket], *, held: bool) -> list[dict[str, Any]]:
    """Tickets; to whoever has proven that they hold them, with what only the holder needs."""
    return representations.held_tickets(rows) if held else [representations.ticket(row) for row in rows]
