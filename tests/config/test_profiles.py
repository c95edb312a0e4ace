"""Profiles change the lines that they are about, and no other."""

import difflib

import pytest
from ruamel.yaml import YAML

from pipeline.config.profiles import FOLDER, names, render


@pytest.mark.parametrize("profile", [name for name in names() if name != "sample"])
def test_no_other_line_is_touched(profile: str) -> None:
    sample, text = render("sample"), render(profile)
    changes = YAML(typ="safe").load(FOLDER / f"{profile}.yaml")
    wanted = YAML(typ="safe").load(sample)
    keys = set()

    def merge(values: dict, new: dict) -> None:  # type: ignore[type-arg]
        for name, value in new.items():
            if isinstance(value, dict):
                merge(values[name], value)
            else:
                values[name] = value
                keys.add(name)

    merge(wanted, changes)
    assert YAML(typ="safe").load(text) == wanted
    lines = difflib.ndiff(sample.splitlines(), text.splitlines())
    removed = [line[2:].strip() for line in lines if line.startswith("- ")]
    # A list in brackets goes on in lines that name nothing.
    assert all(line.partition(":")[0] in keys for line in removed if ": " in line)
    assert len(removed) <= len(keys) + 6
    assert max(map(len, text.splitlines())) <= max(map(len, sample.splitlines()))


def test_the_profile_itself_is_the_sample_as_it_stands() -> None:
    assert render("sample") == (FOLDER / "sample.yaml").read_text()
