"""README, CONTRIBUTING and docs/: every command in them is run, every name in them exists."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.main import get_command

from pipeline.cli import app
from pipeline.runtime.code_closure import ROOT
from support.documents import DOCUMENTS, Block, blocks, code, commands

SHOWN = ("text", "mermaid")  # blocks that nobody types
READERS = ("code", "commands")  # of support/documents.py


def names_that_tests_read() -> set[str]:
    """Each is the only argument of a call of a reader."""
    names = set()
    for path in ROOT.glob("tests/**/test_*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                if node.func.id in READERS:
                    (argument,) = node.args
                    assert isinstance(argument, ast.Constant), f"{path}: a name as it is written"
                    names.add(argument.value)
    return names


def has_test(name: str) -> bool:
    path, _, test = name.partition("::")
    if not path.startswith("tests/") or not (ROOT / path).is_file():
        return False
    functions = (node for node in ast.parse((ROOT / path).read_bytes()).body)
    return test in {node.name for node in functions if isinstance(node, ast.FunctionDef)}


def test_every_block_is_run_by_a_test() -> None:
    typed = [block for block in blocks() if block.language not in SHOWN]
    assert {block.language for block in typed} == {"sh", "python"}
    assert [block for block in typed if not block.how] == [], "name it, or the test that covers it"
    run = [block.who for block in typed if block.how == "run"]
    assert len(set(run)) == len(run) > 15
    assert set(run) == names_that_tests_read()
    covered = [block.who for block in typed if block.how == "covered by"]
    assert [test for test in covered if not has_test(test)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_block_escapes(document: Path) -> None:
    """A fence that is indented, nameless or of tildes would be run by nobody."""
    text = document.read_text()
    found = [block for block in blocks() if block.document == document.name]
    assert len(re.findall(r"```|~~~", text)) == 2 * len(found)
    assert text.count("<!--") == len([block for block in found if block.how])
    starts = ("scenefill", "dvc", "make", "python", "pip", "export")
    for block in found:
        if block.language in SHOWN:
            lines = block.text.splitlines()
            assert [line for line in lines if line.lstrip("$ ").startswith(starts)] == []


def test_blocks_of_any_form_are_found() -> None:
    assert blocks()[0] == Block("README.md", "sh", "make demo\nmake test\n", "run", "demo")
    assert has_test("tests/test_documents.py::test_blocks_of_any_form_are_found")
    assert not has_test("tests/test_documents.py::test_that_is_not_there")
    assert not has_test("pipeline/cli.py::compare")


def test_the_two_commands_are_what_ci_runs() -> None:
    assert set(commands("demo")) <= set((ROOT / ".ci/run").read_text().splitlines())


def test_the_path_finds_the_environment(tmp_path: Path) -> None:
    program = tmp_path / ".venv/bin/scenefill"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    found = subprocess.run(
        ["bash", "-c", f"{code('path')}command -v scenefill"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(program)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def prose(document: Path) -> str:
    """Without blocks."""
    return re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """Of its headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere() -> None:
    links = [
        (document, link)
        for document in DOCUMENTS
        for link in re.findall(r"\]\(([^)]+)\)", prose(document))
    ]
    assert len(links) > 30
    for document, link in links:
        assert ":" not in link, f"{link}: nothing that only a network reaches"
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_names_in_the_text_exist(document: Path) -> None:
    """Files of the tree and commands, as they are written between backticks."""
    spans = re.findall(r"`([^`\n]+)`", prose(document))
    paths = [span for span in spans if re.fullmatch(r"(pipeline|models|tests|bench)/[\w/.]*", span)]
    paths = [path.partition("NAME")[0] for path in paths]  # of what is yet to be written
    assert [path for path in paths if not (ROOT / path).exists()] == []
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    typed = [span.split()[1] for span in spans if re.match(r"scenefill \w", span)]
    assert [name for name in typed if name not in known] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_photos_and_images_are_no_pictures(document: Path) -> None:
    words = re.sub(r"`[^`\n]*`", "", prose(document))
    assert re.findall(r"\b[Pp]ictures?\b", words) == []


# The drawing of docs/architecture.md.
ARCHITECTURE = ROOT / "docs/architecture.md"
STAGES: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]


def test_the_diagram_is_the_line_of_stages() -> None:
    (diagram,) = (block.text for block in blocks() if block.language == "mermaid")
    boxes = re.findall(r'^ +(\w+)\["<b>(\w+)</b><br/>([\w, ]+)"\]$', diagram, flags=re.MULTILINE)
    arrows = re.findall(r"^ +(\w+) --> (\w+)$", diagram, flags=re.MULTILINE)
    assert len(diagram.split("\n\n")) == 2 and diagram.count("\n") == 2 + len(boxes) + len(arrows)
    assert all(name == title for name, title, _ in boxes)
    assert {name: rooms.split(", ") for name, _, rooms in boxes} == {
        name: sorted({room for dep in stage["deps"] if (room := room_of(dep))})
        for name, stage in STAGES.items()
    }
    assert sorted(arrows) == sorted(
        {
            (dep.split("/")[1], name)
            for name, stage in STAGES.items()
            for dep in stage["deps"]
            if dep.startswith("data/") and dep.split("/")[1] in STAGES
        }
    )


def room_of(dep: str) -> str:
    """models, or the folder below pipeline/; nothing for a stage's own file and what is no code."""
    top, *below = dep.split("/")
    if top == "models":
        return top
    return below[0] if top == "pipeline" and below[0] != "stages" else ""


def test_the_table_of_folders_is_the_tree() -> None:
    rows = re.findall(r"^\| (`(?:pipeline|models)/.*?) \|", ARCHITECTURE.read_text(), re.MULTILINE)
    named = re.findall(r"`([^`]+)/`", " ".join(rows))
    there = [
        path.parent.relative_to(ROOT).as_posix()
        for top in ("pipeline", "models")
        for path in [*ROOT.glob(f"{top}/*/__init__.py")]
    ]
    assert sorted(named) == sorted(there)


def test_the_changelog_has_the_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert YAML(typ="safe").load(ROOT / "CITATION.cff")["version"] == version


def test_pre_commit_runs_what_make_lint_runs() -> None:
    hooks = YAML(typ="safe").load(ROOT / ".pre-commit-config.yaml")["repos"]
    assert [repo["repo"] for repo in hooks] == ["local"]
    entries = [hook["entry"] for repo in hooks for hook in repo["hooks"]]
    makefile = (ROOT / "Makefile").read_text()
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", makefile, flags=re.MULTILINE)
    assert lint is not None
    assert entries == lint[1].replace("\t", "").splitlines()
