"""Every sentence of the site has its English, without needing the gettext programs to find out."""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

SITE = Path(__file__).resolve().parents[2]
CATALOGUE = SITE / "locale/en/LC_MESSAGES/django"
# An app may bring a catalogue of its own.
CATALOGUES = [CATALOGUE, *(path.with_suffix("") for path in SITE.glob("*/locale/en/LC_MESSAGES/django.po"))]
FUNCTIONS = {"_", "gettext", "gettext_lazy", "ngettext", "pgettext"}
IN_TEMPLATES = re.compile(r"""\{%\s*translate\s+"([^"]+)"|_\("([^"]+)"\)""")


def sentences() -> Iterator[str]:
    for path in sorted(SITE.rglob("*.py")):
        if {"tests", "migrations"} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    yield first.value
    for suffix in ("html", "txt"):
        for path in sorted(SITE.rglob(f"templates/**/*.{suffix}")):
            for match in IN_TEMPLATES.finditer(path.read_text()):
                yield match[1] or match[2]


def test_every_sentence_of_the_site_has_its_english() -> None:
    known: dict[Any, str] = {}
    for catalogue in CATALOGUES:
        with catalogue.with_suffix(".mo").open("rb") as file:
            english = gettext.GNUTranslations(file)
        known |= english._catalog  # type: ignore[attr-defined]
    missing = {text for text in sentences() if not (known.get(text) or known.get((text, english.plural(1))))}
    assert not missing, f"translate these in {CATALOGUE}.po, then compilemessages: {sorted(missing)}"


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=str)
def test_the_compiled_catalogue_is_as_new_as_its_source(catalogue: Path) -> None:
    source = catalogue.with_suffix(".po").read_text()
    with catalogue.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    written = re.findall(r'^msgstr(?:\[\d\])? "(.+)"$', source, re.MULTILINE)
    values = {value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") for value in compiled.values()}
    assert not [text for text in written if text not in values]
