"""Request bodies as they are checked, and answers as the schema documents them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from middleware_worker.contract.rut import MAX_RUT
from reservations_site.rest import Refusal, WholeNumber


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": MAX_RUT})
class Rut(WholeNumber):
    """A RUT without its check digit."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(most=MAX_RUT, **kwargs)


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class SectionChoice(serializers.Field[Any, Any, Any, Any]):
    """A section by its id or by its name."""

    def to_internal_value(self, data: Any) -> int | str:
        if isinstance(data, int):
            return WholeNumber().run_validation(data)
        return str(Text(max_length=60).run_validation(data))

    def to_representation(self, value: Any) -> Any:
        return value


class Text(serializers.CharField):
    """A JSON string; a number is no name."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class OneSeat(serializers.Serializer[Any]):
    """The body of POST /api/reserve."""

    seat_id = WholeNumber()
    user_id = Rut(help_text="The buyer's RUT without its check digit.")


class NewReservation(serializers.Serializer[Any]):
    """Either `seat_ids`, or `event_id` and `quantity` for the best seats that are free."""

    seat_ids = serializers.ListField(child=WholeNumber(), required=False, min_length=1, max_length=100)
    event_id = WholeNumber(required=False)
    quantity = WholeNumber(required=False, most=100)
    section = SectionChoice(required=False, allow_null=True)
    rut = Rut()
    name = Text(required=False, allow_blank=True, max_length=200)
    email = serializers.EmailField(required=False, allow_blank=True, max_length=254)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        by_seat = "seat_ids" in attrs
        best = "event_id" in attrs or "quantity" in attrs or "section" in attrs
        if by_seat == best or (best and not {"event_id", "quantity"} <= attrs.keys()):
            raise serializers.ValidationError("Indique seat_ids, o event_id y quantity")
        return attrs


class SeatReserved(serializers.Serializer[Any]):
    message = serializers.CharField()
    seat_id = serializers.IntegerField()
    user_id = serializers.IntegerField()
    reserved_at = serializers.DateTimeField()
    instance = serializers.CharField()  # type: ignore[assignment]
    reservation = serializers.CharField(help_text="The booking code: who knows it has proven the claim.")
    ticket_id = serializers.CharField()
    expires_at = serializers.DateTimeField()


class SeatRefused(Refusal):
    status = serializers.ChoiceField(["available", "reserved", "sold"])


class ReservedEvent(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    venue = serializers.CharField()
    date = serializers.CharField(help_text="Local time of the venue, 2025-12-15 20:00.")
    starts_at = serializers.DateTimeField()


class ReservedSeat(serializers.Serializer[Any]):
    seat_id = serializers.IntegerField()
    seat_number = serializers.CharField()
    section = serializers.CharField()
    row = serializers.CharField()
    number = serializers.IntegerField()
    price = serializers.IntegerField(help_text="Whole Chilean pesos.")
    ticket_id = serializers.CharField()
    status = serializers.ChoiceField(["held", "confirmed", "released"])


class ReservationAnswer(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="The booking code: who knows it has proven the claim.")
    event = ReservedEvent()
    rut = serializers.IntegerField()
    status = serializers.CharField(help_text="held, cancelling, confirmed, released or mixed")
    expires_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    total = serializers.IntegerField()
    seats = ReservedSeat(many=True)
    instance = serializers.CharField()  # type: ignore[assignment]


class TakenSeat(serializers.Serializer[Any]):
    seat_id = serializers.IntegerField()
    seat_number = serializers.CharField()
    status = serializers.ChoiceField(["reserved", "sold"])


class ReservationRefused(Refusal):
    """409: seats_taken (names the seats), hold_limit, sales_closed, not_enough_seats."""

    taken = TakenSeat(many=True, required=False)
