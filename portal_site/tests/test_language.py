"""English stands beside every Spanish sentence."""

import re
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation import gettext

from portal_site.catalogue.formats import card_date, long_date, pesos

CATALOGUE = Path(__file__).resolve().parent.parent / "locale/en/LC_MESSAGES/django.po"


def test_every_sentence_has_its_english() -> None:
    blocks = CATALOGUE.read_text(encoding="utf-8").split("\n\n")[1:]
    assert len(blocks) > 200
    for block in blocks:
        assert not re.search(r'^msgstr(\[\d\])? ""\n*$', block, re.MULTILINE), block
        assert "fuzzy" not in block


def test_the_compiled_catalogue_is_that_of_the_source() -> None:
    blocks = CATALOGUE.read_text(encoding="utf-8").split("\n\n")[1:]
    with translation.override("en"):
        for block in blocks:
            found = re.search(r'^msgid "(.+)"\nmsgstr "(.+)"$', block, re.MULTILINE)
            if found:
                assert gettext(found[1].replace('\\"', '"')) == found[2].replace('\\"', '"')


@pytest.mark.parametrize(("amount", "written"), [(0, "$0"), (900, "$900"), (25000, "$25.000"), (1234567, "$1.234.567")])
def test_money_is_written_as_in_chile(amount: int, written: str) -> None:
    assert pesos(amount) == written


def test_a_missing_moment_is_written_as_nothing() -> None:
    assert long_date(None) == card_date(None) == pesos(None) == ""
