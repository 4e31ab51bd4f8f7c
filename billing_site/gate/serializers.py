"""The shapes of the gate's API."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from billing_site.gate.models import Entry
from billing_site.tickets import signing
from billing_site.tickets.scan import GateEvent


class EventOfGate(serializers.Serializer[None]):
    """The event as the list names it. A device may tell of one that is over by now."""

    key = serializers.RegexField(r"^(\d{1,18}|n[0-9a-f]{16})$")
    name = serializers.CharField(max_length=200)

    @staticmethod
    def of(given: dict[str, Any]) -> GateEvent:
        return GateEvent(int(given["key"]) if given["key"].isdigit() else None, given["name"])


class GateList(serializers.Serializer[None]):
    since = serializers.DateTimeField(required=False)


class ScanRequest(serializers.Serializer[None]):
    id = serializers.UUIDField(help_text="made by the device; the same id again gets the same answer")
    device = serializers.UUIDField()
    gate = serializers.CharField(max_length=60)
    event = EventOfGate()
    text = serializers.CharField(max_length=signing.MAX_LENGTH, required=False, help_text="what was read or typed")
    number = serializers.IntegerField(min_value=1, required=False, help_text="instead: a ticket's number in the list")

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if ("text" in given) == ("number" in given):
            raise serializers.ValidationError({"text": "text or number"})
        return given


class AdmissionRequest(serializers.Serializer[None]):
    """One that a device without network let in."""

    id = serializers.UUIDField(help_text="made by the device; the same id again changes nothing")
    ticket = serializers.CharField(max_length=128, required=False, help_text="its external id, when it is not listed")
    number = serializers.IntegerField(min_value=1, required=False, help_text="its number in the list")
    event = EventOfGate()
    gate = serializers.CharField(max_length=60)
    scanned_at = serializers.DateTimeField(help_text="by the device's clock")
    scanned_by = serializers.CharField(max_length=120, allow_blank=True, default="")
    listed = serializers.BooleanField(default=True)

    def validate_scanned_at(self, moment: datetime) -> datetime:
        # A clock that was reset says 1970; what no clock says, no database needs to hold.
        if not 1969 <= moment.year <= 2200:
            raise serializers.ValidationError("no clock says that")
        return moment

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if ("ticket" in given) == ("number" in given):
            raise serializers.ValidationError({"ticket": "ticket or number"})
        return given


class AdmissionsRequest(serializers.Serializer[None]):
    device = serializers.UUIDField()
    sent_at = serializers.DateTimeField(help_text="by the device's clock, so that a wrong clock does no harm")
    # Each is looked at alone: one that cannot be read must not keep the others on the device for ever.
    admissions = serializers.ListField(child=serializers.DictField(), min_length=1, max_length=200)


class AdmissionResult(serializers.Serializer[None]):
    id = serializers.CharField()
    outcome = serializers.ChoiceField(choices=[*Entry.Outcome.values, "invalid", "reused_id"])
    error = serializers.CharField(required=False)


class AdmissionsAnswer(serializers.Serializer[None]):
    results = AdmissionResult(many=True)


class ScanAnswer(serializers.Serializer[None]):
    code = serializers.CharField(help_text="in, choose, forged, unknown, or why not")
    at = serializers.DateTimeField(allow_null=True)
    gate = serializers.CharField()
    event = serializers.CharField(help_text="the ticket's own")
    number = serializers.IntegerField(allow_null=True)
    place = serializers.CharField()
    holder = serializers.CharField()
    choices = serializers.ListField(child=serializers.DictField())
