"""How the service credential shows in the API's documentation."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class ServiceScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "middleware_worker.contract.drf.ServiceAuthentication"
    name = "service"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Service <jwt>`: HS256, iss = caller, aud = middleware, one minute long",
        }
