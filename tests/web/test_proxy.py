"""The page behind a reverse proxy, in a real Chromium."""

from pathlib import Path

import pytest
import requests

from support.chromium import chromium
from support.pictures import encoded, picture
from support.reverse_proxy import reverse_proxy
from support.website import drag, local_page, outcome, served, write_generator, write_params

# A name that is not this machine's, though a browser finds it here.
NAME = "lab.localhost"


@pytest.mark.slow
def test_the_page_is_used_by_the_name_and_path_of_a_proxy(tmp_path: Path) -> None:
    write_params(tmp_path)
    write_generator(tmp_path / "data/train", "ganscape")
    with (
        chromium() as browser,
        served(tmp_path, "--root-path", "/lab", "--allowed-host", NAME) as url,
        reverse_proxy(url, "/lab") as port,
        local_page(browser, f"http://{NAME}:{port}/lab") as page,
    ):
        page.locator("#upload input[type=file]").set_input_files(
            {"name": "a.png", "mimeType": "image/png", "buffer": encoded(picture(3), "png")}
        )
        page.locator("#canvas .sheet[data-number]").wait_for()
        drag(page, [(50, 50), (80, 80)])
        outcome(page, "#complete")


def test_no_other_name_is_taken_for_it(tmp_path: Path) -> None:
    with served(tmp_path, "--allowed-host", NAME) as url, reverse_proxy(url, "/lab") as port:
        page = f"http://127.0.0.1:{port}/lab/config"

        def status(**headers: str) -> int:
            return requests.get(page, headers=headers).status_code

        assert status(Host=NAME) == status(Host=f"{NAME}:8443") == 200
        assert status(Host=f"other.{NAME}") == status(Host="evil.example") == 421
        # nginx passes on the upstream's Host unless told otherwise.
        assert status(Origin=f"https://{NAME}") == 200
        assert status(Origin=f"https://other.{NAME}") == status(Host=NAME, Origin="null") == 403
