"""What axe-core finds on a page: faults for people who see or move otherwise."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Of axe's four grades; minor and moderate ones are advice.
GRAVE = ("serious", "critical")


def grave_faults(page: Page) -> list[str]:
    """Rule and place of each grave fault, for a message; the page as it stands."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for fault in found
        if fault["impact"] in GRAVE
        for node in fault["nodes"]
    ]
