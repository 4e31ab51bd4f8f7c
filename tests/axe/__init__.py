"""axe-core 4.14.1 (npm, MPL 2.0, licences beside it): what a page has against WCAG 2.2 AA."""

from pathlib import Path

from playwright.sync_api import Page

SOURCE = Path(__file__).with_name("axe.min.js").read_text()
RUN = """tags => axe.run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]})"""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]


def violations(page: Page) -> list[str]:
    """Each violation of the open page as it is shown now: the rule, the element and what is wrong with it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(SOURCE)
    found = page.evaluate(RUN, TAGS)["violations"]
    return [
        f"{rule['id']} {' '.join(map(str, node['target']))}: {_why(node['failureSummary'])}"
        for rule in found
        for node in rule["nodes"]
    ]


def _why(summary: str) -> str:
    return " ".join(summary.split()).removeprefix("Fix any of the following: ")[:200]
