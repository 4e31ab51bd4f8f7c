"""The shapes of the accounts' API."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from billing_site.accounts.models import Person
from middleware_worker.contract.rut import MAX_RUT, MIN_RUT, InvalidRut, parse_rut


class RutField(serializers.Field[int, Any, str, Any]):
    """A RUT: as people write it with its check digit, or as a plain number without one."""

    default_error_messages = {"invalid": _("El RUT no es válido")}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, int) and not isinstance(data, bool) and MIN_RUT <= data <= MAX_RUT:
            return data
        try:
            return parse_rut(data if isinstance(data, str) and len(data) <= 20 else "")
        except InvalidRut:
            self.fail("invalid")

    def to_representation(self, value: Any) -> str:
        return str(value)


class RegisterRequest(serializers.Serializer[None]):
    rut = RutField()
    full_name = serializers.CharField(max_length=200)
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=200, trim_whitespace=False)
    code = serializers.CharField(max_length=128, required=False, allow_blank=True, allow_null=True)


class TokenRequest(serializers.Serializer[None]):
    token = serializers.CharField(max_length=2000)


class LoginRequest(serializers.Serializer[None]):
    rut = RutField(required=False, allow_null=True)
    email = serializers.CharField(max_length=254, required=False, allow_blank=True)
    password = serializers.CharField(max_length=200, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("rut") is None and not attrs.get("email"):
            raise serializers.ValidationError({"rut": _("Indique su RUT o su correo")})
        return attrs


class ClaimRequest(serializers.Serializer[None]):
    code = serializers.CharField(max_length=200, trim_whitespace=False)


class EmailChangeRequest(serializers.Serializer[None]):
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=200, trim_whitespace=False)


class ForgotRequest(serializers.Serializer[None]):
    email = serializers.EmailField(max_length=254)


class ResetRequest(serializers.Serializer[None]):
    token = serializers.CharField(max_length=2000)
    password = serializers.CharField(max_length=200, trim_whitespace=False)


class PersonShape(serializers.Serializer[Person]):
    rut = serializers.IntegerField()
    rut_display = serializers.CharField()
    full_name = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    verified = serializers.SerializerMethodField()

    def get_verified(self, person: Person) -> bool:
        return person.verified_at is not None


class LoggedInShape(serializers.Serializer[None]):
    token = serializers.CharField()
    person = PersonShape()


class ClaimedShape(serializers.Serializer[None]):
    linked = serializers.ListField(child=serializers.CharField(), help_text="ids of the order's tickets")
    verified = serializers.BooleanField()
