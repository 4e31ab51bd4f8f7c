"""Every sentence that people read has its English, in each site: none missing, none empty, none guessed (fuzzy).

The sentences are taken from the code and the templates as Django's own `makemessages` does, without gettext's programs.
"""

import ast
import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import django
import pytest
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parents[1]
# Each site with the shared apps whose pages and answers it shows.
SITES = {
    "reservations_site": ("middleware_worker/outbox", "middleware_worker/contract"),
    "billing_site": ("middleware_worker/outbox", "middleware_worker/contract"),
    "portal_site": (),
}
FUNCTIONS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
PLURAL = {"ngettext", "ngettext_lazy"}
Sentence = tuple[str, ...]


def in_code(text: str) -> Iterator[Sentence]:
    """What a module gives to gettext, singular and plural."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name in FUNCTIONS:
            texts = [part.value for part in node.args if isinstance(part, ast.Constant) and isinstance(part.value, str)]
            if name.startswith("pgettext"):
                # As it stands in a catalogue: the context, EOT, the text.
                texts = ["\x04".join(texts[:2])]
            if texts:
                yield tuple(texts[: 2 if name in PLURAL else 1])


def in_template(text: str) -> Iterator[Sentence]:
    """What a template gives to gettext: Django turns it into calls, with everything else crossed out."""
    source = templatize(text)
    for start in re.finditer(r"\b(?:_|[np]?gettext)\(", source):
        for end in re.finditer(r"\)", source[start.start() :]):
            call = source[start.start() : start.start() + end.end()]
            try:
                ast.parse(call.strip())
            except SyntaxError:
                # A bracket inside the sentence.
                continue
            yield from in_code(call.strip())
            break


def sentences(site: str) -> dict[Sentence, str]:
    """Each sentence of a site, and the first file that has it."""
    found: dict[Sentence, str] = {}
    paths = [path for folder in (site, *SITES[site]) for path in sorted((ROOT / folder).rglob("*"))]
    for path in paths:
        if {"tests", "migrations"} & set(path.parts) or path.suffix not in (".py", ".html", ".txt", ".js"):
            continue
        if path.suffix != ".py" and "templates" not in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        for sentence in in_code(text) if path.suffix == ".py" else in_template(text):
            found.setdefault(sentence, str(path.relative_to(ROOT)))
    return found


def catalogues(site: str) -> list[Path]:
    return sorted((ROOT / site).rglob("locale/en/LC_MESSAGES/django.po"))


def english(site: str) -> dict[object, str]:
    """What the site's English says, by what stands in the code; Django's own words included."""
    found: dict[object, str] = {}
    folder = Path(django.__file__).parent
    theirs = [folder / "conf/locale/en/LC_MESSAGES/django.mo", folder / "contrib/admin/locale/en/LC_MESSAGES/django.mo"]
    for path in [*theirs, *(path.with_suffix(".mo") for path in catalogues(site))]:
        with path.open("rb") as file:
            found |= gettext.GNUTranslations(file)._catalog
    return found


@pytest.mark.parametrize("site", SITES)
def test_every_sentence_has_its_english(site: str) -> None:
    known, wanted = english(site), sentences(site)
    missing = {
        sentence: where
        for sentence, where in wanted.items()
        if not (known.get(sentence[0]) or known.get((sentence[0], 0)))
    }
    assert len(wanted) > 100
    assert not missing


@pytest.mark.parametrize("catalogue", [path for site in SITES for path in catalogues(site)], ids=str)
def test_no_english_is_empty_or_guessed(catalogue: Path) -> None:
    blocks = catalogue.read_text(encoding="utf-8").split("\n\n")[1:]
    assert blocks
    bad = [
        block
        for block in blocks
        if re.search(r'^msgstr(\[\d\])? ""$(?!\n")', block, re.MULTILINE)
        or re.search("^#,.*fuzzy", block, re.MULTILINE)
    ]
    assert not bad
