"""The papers of the project, as the tests read them: blocks of commands and code by their names.

A comment before a block says which test runs it: `<!-- run: NAME -->` where a test asks for it by
`commands("NAME")` or `code("NAME")`, `<!-- covered by: tests/FILE.py::TEST -->` where one runs the
same without reading it.
"""

import re
from typing import NamedTuple

from pipeline.runtime.code_closure import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
FENCE = re.compile(
    r"(?:^<!-- (?P<how>run|covered by): (?P<who>\S+) -->\n)?"
    r"^```(?P<language>.*)\n(?P<text>(?:(?!```).*\n)*)```$",
    flags=re.MULTILINE,
)


class Block(NamedTuple):
    """A fenced block."""

    document: str
    language: str
    text: str
    how: str  # run, covered by, or nothing
    who: str  # the block's name, or the test


def blocks() -> list[Block]:
    """All blocks of all documents."""
    return [
        Block(path.name, match["language"], match["text"], match["how"] or "", match["who"] or "")
        for path in DOCUMENTS
        for match in FENCE.finditer(path.read_text())
    ]


def code(name: str) -> str:
    """The text of the one block of this name."""
    (block,) = (block for block in blocks() if (block.how, block.who) == ("run", name))
    return block.text


def commands(name: str) -> list[str]:
    """The lines of the one block of this name."""
    return code(name).splitlines()
