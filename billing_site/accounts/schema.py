"""How the API's schema (drf-spectacular) names the ways to say who is calling."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerFieldExtension


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "billing_site.accounts.authentication.BearerAuthentication"
    name = "customer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "description": "the token of POST /api/login"}


class ServiceScheme(OpenApiAuthenticationExtension):
    target_class = "middleware_worker.contract.drf.ServiceAuthentication"
    name = "service"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        description = "«Service <jwt>»; beside a customer's token in the header X-Service"
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}


class StaffScheme(OpenApiAuthenticationExtension):
    target_class = "billing_site.accounts.authentication.StaffSession"
    name = "staff"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "apiKey", "in": "cookie", "name": "billing_session", "description": "the admin's session"}


class RutShape(OpenApiSerializerFieldExtension):
    target_class = "billing_site.accounts.serializers.RutField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"oneOf": [{"type": "string", "example": "12.345.678-5"}, {"type": "integer", "example": 12345678}]}
