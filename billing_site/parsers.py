"""Reading JSON bodies: never more than the limit, and never an error of ours for whatever is sent."""

from collections.abc import Mapping
from typing import IO, Any, cast

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework import parsers
from rest_framework.exceptions import ParseError

from middleware_worker.contract.drf import ApiError


class JSONParser(parsers.JSONParser):
    """DRF's, which neither limits what it reads nor survives brackets nested too deeply."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            parsed: dict[str, Any] = super().parse(cast("IO[Any]", _Limited(stream)), media_type, parser_context)
        except RecursionError as error:
            raise ParseError from error
        return parsed


class _Limited:
    """A stream that ends with 413 after DATA_UPLOAD_MAX_MEMORY_SIZE bytes."""

    def __init__(self, stream: IO[Any]) -> None:
        self._stream, self._left = stream, int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)

    def read(self, size: int = -1) -> bytes:
        found: bytes = self._stream.read(self._left + 1 if size < 0 else min(size, self._left + 1))
        self._left -= len(found)
        if self._left < 0:
            raise ApiError(413, "too_large", _("El contenido es demasiado grande"))
        return found
