"""The shapes of the tickets' API, for checking what comes in and for the schema."""

from rest_framework import serializers

from billing_site.tickets.models import Ticket
from middleware_worker.contract.rut import MAX_RUT, MIN_RUT


class TicketFilters(serializers.Serializer[None]):
    rut = serializers.IntegerField(required=False, min_value=MIN_RUT, max_value=MAX_RUT)
    status = serializers.ChoiceField(required=False, choices=Ticket.Status.choices)
    external_id = serializers.CharField(required=False, max_length=128, trim_whitespace=False)
    event = serializers.CharField(required=False, max_length=200)


class CheckInRequest(serializers.Serializer[None]):
    event = serializers.CharField(required=False, allow_null=True, max_length=200)
    gate = serializers.CharField(max_length=60, allow_blank=True, default="")


class RefundRequest(serializers.Serializer[None]):
    reason = serializers.CharField(max_length=300, allow_blank=True, default="")


class TicketShape(serializers.Serializer[None]):
    id = serializers.IntegerField()
    external_id = serializers.CharField()
    status = serializers.ChoiceField(choices=Ticket.Status.choices)
    rut = serializers.IntegerField()
    price = serializers.IntegerField(help_text="whole pesos")
    event = serializers.CharField()
    event_id = serializers.IntegerField(allow_null=True)
    venue = serializers.CharField()
    starts_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    seat = serializers.CharField(allow_null=True)
    section = serializers.CharField()
    created_at = serializers.DateTimeField()
    paid_at = serializers.DateTimeField(allow_null=True)
    used_at = serializers.DateTimeField(allow_null=True)
    refunded_at = serializers.DateTimeField(allow_null=True)
    refundable = serializers.BooleanField()


class RefundShape(serializers.Serializer[None]):
    status = serializers.ChoiceField(choices=["due", "started", "done", "unknown", "failed"])
    amount = serializers.IntegerField()
    card_last4 = serializers.CharField(allow_blank=True)


class HeldTicketShape(TicketShape):
    order = serializers.CharField(help_text="the booking code; only for whoever holds the order")
    document = serializers.ChoiceField(choices=["none", "preparing", "ready"])
    qr = serializers.CharField(allow_null=True)
    refund = RefundShape(allow_null=True)


class TicketPage(serializers.Serializer[None]):
    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = TicketShape(many=True)


class FormShape(serializers.Serializer[None]):
    url = serializers.CharField(help_text="the gateway's page: the buyer's browser posts token_ws there")
    token = serializers.CharField()


class PaymentShape(serializers.Serializer[None]):
    status = serializers.ChoiceField(choices=["started", "captured", "declined", "unknown"])
    error = serializers.CharField()
    form = FormShape(required=False, help_text="while the buyer may pay at the gateway's page")


class OrderShape(serializers.Serializer[None]):
    code = serializers.CharField()
    rut = serializers.IntegerField()
    name = serializers.CharField()
    email = serializers.CharField()
    status = serializers.ChoiceField(choices=["pending", "paying", "paid", "expired", "refunded", "mixed"])
    total = serializers.IntegerField()
    event = serializers.CharField()
    event_id = serializers.IntegerField(allow_null=True)
    venue = serializers.CharField()
    starts_at = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    claimed = serializers.BooleanField()
    tickets = HeldTicketShape(many=True)
    payment = PaymentShape(allow_null=True)
    pay_with = serializers.CharField(help_text="card, or the gateway on whose page the buyer pays")


class ErrorShape(serializers.Serializer[None]):
    error = serializers.CharField(help_text="a sentence for people")
    code = serializers.CharField(help_text="a word for programs")
