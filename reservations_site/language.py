"""Which language answers: the API speaks Spanish to everyone, the admin follows the browser."""

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

PROGRAMS = ("/api/", "/health")


class SpanishForPrograms(LocaleMiddleware):
    """The contract fixes the Spanish sentences, whatever Accept-Language a program happens to send."""

    def process_request(self, request: HttpRequest) -> None:
        if request.path_info.startswith(PROGRAMS):
            translation.activate(settings.LANGUAGE_CODE)
        else:
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if request.path_info.startswith(PROGRAMS):
            return response
        return super().process_response(request, response)
