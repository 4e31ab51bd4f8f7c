"""Paying an order."""

import re

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from billing_site.accounts.authentication import Caller
from billing_site.payments import services
from billing_site.payments.gateway.base import Card
from billing_site.payments.models import PaymentAttempt
from billing_site.tickets import representations, selectors
from billing_site.tickets.api import IdentifiedView
from billing_site.tickets.serializers import ErrorShape, OrderShape
from middleware_worker.contract.drf import ApiError

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
        responses={200: OrderShape, **dict.fromkeys((202, 402, 404, 409, 503), ErrorShape)},
    )
    def post(self, request: Request, code: str) -> Response:
        """Pays all tickets of an order, or none.

        The header Idempotency-Key makes it once: the same key again gives what became of the first call.
        202: it is not known yet what became of the money; ask for the order until it is.
        """
        caller = Caller.of(request)
        order = selectors.order_for(caller, code)
        if order is None:
            raise NotFound
        asked = PayRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        card = Card(*(asked.validated_data[name] for name in ("card_number", "card_expiry", "card_cvv")))
        key = request.headers.get("Idempotency-Key", "")
        if len(key) > 200:
            raise ApiError(400, "invalid", _("Idempotency-Key es demasiado largo"))
        try:
            attempt = services.pay(order=order, card=card, idempotency_key=key or None, by=caller.by)
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


def _answer(attempt: PaymentAttempt, code: str) -> Response:
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
