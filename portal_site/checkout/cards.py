"""The cards that the payment simulator knows, for whoever tries the shop out."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class TestCard:
    number: str
    what: Promise | str


TEST_CARDS = (
    TestCard("4111 1111 1111 1111", _("se aprueba")),
    TestCard("4000 0000 0000 0002", _("se rechaza")),
    TestCard("4000 0000 0000 0069", _("se rechaza por vencida")),
    TestCard("4000 0000 0000 0259", _("se aprueba, pero la respuesta tarda")),
)
