"""Reading JSON bodies without an error of ours, whatever is sent.

How much is read is limited by DATA_UPLOAD_MAX_MEMORY_SIZE (`failures.py` answers 413).
"""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework import parsers
from rest_framework.exceptions import ParseError


class JSONParser(parsers.JSONParser):
    """DRF's, which does not survive brackets that are nested too deeply."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        try:
            parsed: dict[str, Any] = super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError from error
        return parsed
