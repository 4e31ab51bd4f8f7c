"""Which language an answer is in."""

from django.conf import settings
from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

FOR_STAFF = ("/admin/", "/gate/", "/api/gate/")


class ChosenLanguage(LocaleMiddleware):
    """For staff Spanish unless they chose otherwise at the foot of a page; for programs what they ask for.

    The desk does not follow the browser: a telephone that is handed round at the door may speak anything.
    """

    def process_request(self, request: HttpRequest) -> None:
        if not request.path_info.startswith(FOR_STAFF):
            super().process_request(request)
            return
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        translation.activate(chosen if chosen in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE)
        request.LANGUAGE_CODE = translation.get_language()
