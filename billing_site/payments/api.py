"""Paying an order."""

import re

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from billing_site.accounts.authentication import Caller
from billing_site.payments import forms, gateway, services
from billing_site.payments.gateway.base import Card
from billing_site.payments.models import PaymentAttempt
from billing_site.tickets import representations, selectors
from billing_site.tickets.api import IdentifiedView
from billing_site.tickets.serializers import ErrorShape, OrderShape
from middleware_worker.contract.drf import ApiError
from middleware_worker.outbox.transactions import retrying_statement

Status = PaymentAttempt.Status
RETRY_AFTER = "2"


class PayRequest(serializers.Serializer[None]):
    card_number = serializers.CharField(max_length=30)
    card_expiry = serializers.CharField(max_length=7, allow_blank=True, default="")
    card_cvv = serializers.CharField(max_length=4, allow_blank=True, default="")

    def validate_card_number(self, value: str) -> str:
        digits = re.sub(r"[\s-]", "", value)
        if not re.fullmatch(r"[0-9]{12,19}", digits):
            raise serializers.ValidationError(_("El número de tarjeta debe tener entre 12 y 19 dígitos"))
        return digits

    def validate_card_expiry(self, value: str) -> str:
        if value and not re.fullmatch(r"(0[1-9]|1[0-2])/?([0-9]{2}|20[0-9]{2})", value):
            raise serializers.ValidationError(_("El vencimiento se escribe MM/AA"))
        return value

    def validate_card_cvv(self, value: str) -> str:
        if value and not re.fullmatch(r"[0-9]{3,4}", value):
            raise serializers.ValidationError(_("El código de seguridad tiene 3 o 4 dígitos"))
        return value


class PayView(IdentifiedView):
    @extend_schema(
        request=PayRequest,
        responses={200: OrderShape, 201: OrderShape, **dict.fromkeys((202, 402, 404, 409, 503), ErrorShape)},
    )
    def post(self, request: Request, code: str) -> Response:
        """Pays all tickets of an order, or none.

        The header Idempotency-Key makes it once: the same key again gives what became of the first call.
        202: it is not known yet what became of the money; ask for the order until it is.
        201: no card is taken here; the buyer pays on the page of the gateway that `payment.form` names.
        """
        caller = Caller.of(request)
        order = selectors.order_for(caller, code)
        if order is None:
            raise NotFound
        try:
            if through := gateway.with_form():
                attempt = forms.open_form(order=order, through=through, by=caller.by)
            else:
                card, key = _card_and_key(request)
                attempt = services.pay(order=order, card=card, idempotency_key=key, by=caller.by)
        except services.PaymentOpen as error:
            raise ApiError(409, "payment_open", _("Ya hay un pago en curso para esta orden")) from error
        except services.NotPending as error:
            status = selectors.order_status(order, list(order.tickets.all()))
            sentence = {
                "paid": _("La orden ya está pagada"),
                "expired": _("La reserva venció y sus asientos quedaron libres"),
            }.get(status, _("La orden no está pendiente de pago"))
            raise ApiError(409, "not_pending", sentence, order_status=status) from error
        except services.NothingStarted:
            body = {"code": "unavailable", "error": _("La pasarela de pago no responde; no se cobró nada")}
            return Response(body, status=503, headers={"Retry-After": RETRY_AFTER})
        return _answer(attempt, code)


class ReturnRequest(serializers.Serializer[None]):
    token_ws = serializers.CharField(max_length=100, allow_blank=True, default="")
    TBK_TOKEN = serializers.CharField(max_length=100, allow_blank=True, default="")
    TBK_ORDEN_COMPRA = serializers.CharField(max_length=26, allow_blank=True, default="")
    TBK_ID_SESION = serializers.CharField(max_length=61, allow_blank=True, default="")


class ReturnedShape(serializers.Serializer[None]):
    order = serializers.CharField()
    payment = serializers.ChoiceField(choices=["started", "captured", "declined", "unknown"])


class WebpayReturnView(IdentifiedView):
    @extend_schema(
        request=ReturnRequest, responses={200: ReturnedShape, **dict.fromkeys((400, 403, 404, 503), ErrorShape)}
    )
    def post(self, request: Request) -> Response:
        """What a buyer's browser brought back from Webpay, in any of its four shapes; for the portal.

        May be repeated: the money moves once. Answers with the order that it was about, however it stands.
        """
        caller = Caller.of(request)
        if not caller.is_portal:
            raise PermissionDenied
        asked = ReturnRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        names = ("token_ws", "TBK_TOKEN", "TBK_ORDEN_COMPRA", "TBK_ID_SESION")
        attempt = forms.came_back(back=forms.Return(*(asked.validated_data[name] for name in names)), by=caller.by)
        if attempt is None:
            raise NotFound
        return Response({"order": attempt.order.code, "payment": attempt.status})


def _card_and_key(request: Request) -> tuple[Card, str | None]:
    asked = PayRequest(data=request.data)
    asked.is_valid(raise_exception=True)
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 200:
        raise ApiError(400, "invalid", _("Idempotency-Key es demasiado largo"))
    return Card(*(asked.validated_data[name] for name in ("card_number", "card_expiry", "card_cvv"))), key or None


@retrying_statement
def _answer(attempt: PaymentAttempt, code: str) -> Response:
    if attempt.is_at_form:
        return Response(representations.order(attempt.order), status=201)
    if attempt.status == Status.CAPTURED:
        order = attempt.order
        shown = representations.order(order)
        if shown["status"] in {"expired", "pending"}:
            raise ApiError(
                409, "captured_too_late", _("El pago llegó cuando la reserva ya había vencido; se devuelve completo")
            )
        return Response(shown)
    if attempt.status == Status.DECLINED:
        raise ApiError(402, "declined", _("El pago fue rechazado"), reason=attempt.error)
    body = {"code": "unknown", "error": _("Todavía no se sabe si el pago se realizó"), "order": code}
    return Response(body, status=202)
