"""The documentation: what it says of files, names, commands and words is so."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import typer.main

from harness.cli.commands.app import program
from harness.contract.status import CellStatus, Status, Verdict
from harness.geometry.spec import OPS, ConvSpec
from harness.tests.helpers.house import pages
from harness.tests.helpers.house.pages import DOCS, PAGES, page_named, run
from harness.tests.helpers.imports import FILES, ROOT

_CI = (ROOT / ".github/workflows/ci.yml", ROOT / ".ci/run")

# -- facts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_paths_and_names_exist(page: str) -> None:
    wrong = [pages.missing_path(word) for word in pages.paths(PAGES[page])]
    wrong += [pages.missing_name(word) for word in pages.dotted_names(PAGES[page])]
    assert [text for text in wrong if text] == []


def test_a_wrong_path_or_name_is_seen() -> None:
    assert pages.paths("`harness/cli/main.py:main` and `a/b.py`\n```\n`harness/x.py`\n```\n") == [
        "harness/cli/main.py:main"
    ]
    assert pages.missing_path("harness/cli/main.py:main") == ""
    assert pages.missing_path("harness/cli/nowhere.py") != ""
    assert pages.missing_path("harness/cli/main.py:nowhere") != ""
    assert pages.missing_path("harness/geometry/sizes.py:Sizes.nowhere") != ""
    assert pages.missing_name("harness.contract.targets.Target") == ""
    assert pages.missing_name("harness.contract.targets.Nothing") != ""
    assert pages.missing_name("harness.nothing") != ""


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", pages.prose(PAGES[page]))
    relative = [link for link in links if "://" not in link]
    assert [link for link in relative if not ((ROOT / page).parent / link).exists()] == []


def test_most_pages_name_files() -> None:
    """Else the tests above would pass on a change of style that they do not understand."""
    assert len(pages.paths(page_named("architecture.md"))) > 60
    assert sum(len(pages.paths(text)) + len(pages.dotted_names(text)) for text in PAGES.values()) > 120


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_exist(page: str) -> None:
    assert [text for words in pages.commands(PAGES[page]) for text in _unknown(words)] == []


def test_a_wrong_command_or_option_is_seen() -> None:
    found = list(
        pages.commands("`harness check x --tier 0`, `harness chekc x`\n\n    harness bench --layers core  # no\n")
    )
    assert sorted(text for words in found for text in _unknown(words)) == ["harness bench --layers", "harness chekc"]


def test_every_extra_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    rows = page_named("measuring.md").partition("| extra | brings | for |")[2].partition("\n\n")[0].splitlines()
    told = {word for row in rows for word in re.findall(r"`([\w-]+)`", row.split(" | ")[0])}
    assert told == project["optional-dependencies"].keys() - {"dev"}


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    texts = [*PAGES.values(), *(path.read_text(encoding="utf-8") for path in _CI)]
    used = {word for text in texts for word in re.findall(r"(?:^ +|`|run: )make ([a-z-]+)", text, re.M)}
    assert {"install", "test", "report", "docs"} <= used
    assert used - targets == set()


def test_the_workflow_covers_what_is_promised() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    jobs = yaml.safe_load(_CI[0].read_text(encoding="utf-8"))["jobs"]
    assert jobs["tests"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert jobs["macos"]["continue-on-error"] is True
    words = [
        words
        for job in jobs.values()
        for step in job["steps"]
        for words in pages.commands(f"    {step.get('run', '')}")
    ]
    assert [text for given in words for text in _unknown(given)] == []
    base = [step["run"] for step in jobs["numpy-only"]["steps"] if "run" in step]
    assert any(re.fullmatch(r"pip install -c constraints\.txt \.", line) for line in base), "without extras"
    assert {"harness backends", "harness check numpy_fancy naive_loops"} <= set(base)
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert len([form for form in forms if "body" in yaml.safe_load(form.read_text(encoding="utf-8"))]) == 3


def _unknown(words: list[str]) -> list[str]:
    """What of `harness COMMAND ..` the program does not know."""
    command, *rest = words
    commands = getattr(typer.main.get_command(program()), "commands")  # noqa: B009  (Typer's own copy of Click has no stubs)
    if command in ("COMMAND", "--version"):
        return []
    if command not in commands:
        return [f"harness {command}"]
    known = {"--help"} | {o for p in commands[command].params for o in (*p.opts, *p.secondary_opts)}
    given = [word.split("=")[0] for word in rest if word.startswith("--")]
    return [f"harness {command} {option}" for option in given if option not in known]


def test_decisions_are_told_alike_and_listed() -> None:
    files = sorted((DOCS / "decisions").glob("*.md"))
    texts = {path.name: path.read_text(encoding="utf-8") for path in files if path.name != "index.md"}
    assert len(texts) >= 12
    wanted = ["Context", "Decision", "Consequences"]
    assert [name for name, text in texts.items() if re.findall(r"^## (.*)$", text, re.M) != wanted] == []
    assert set(re.findall(r"\]\(([\w-]+\.md)\)", page_named("decisions/index.md"))) == texts.keys()


def test_where_do_i_find_answers_with_files() -> None:
    table = page_named("architecture.md").partition("## Where do I find")[2].partition("\n## ")[0]
    answers = re.findall(r"^\| (.*\?) \| (.*) \|$", table, re.M)
    assert len(answers) >= 14
    assert [question for question, answer in answers if not pages.paths(answer)] == []


def test_steps_of_the_walks_name_files_and_functions() -> None:
    walks = page_named("architecture.md").partition("## Walk 1")[2]
    steps = re.split(r"^\d+\. ", walks, flags=re.M)[1:]
    assert len(steps) > 20
    assert [step for step in steps if not any(":" in path for path in pages.paths(step))] == []


# -- words ------------------------------------------------------------------------------------------------------------


def test_the_glossary_has_every_word_once() -> None:
    terms = re.findall(r"^(\S.*)\n: ", page_named("glossary.md"), re.M)
    words = [word for term in terms for word in term.split(", ")]
    assert len(words) > 40
    assert sorted(words) == sorted(set(words))


def test_the_glossary_names_the_fields_of_a_spec() -> None:
    symbols = page_named("glossary.md").partition("## Symbols")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| .*? \| (.*?) \|", symbols, re.M)
    named = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert {"batch", "in_channels", "input_size", "kernel_size", "output_size", "dilation"} <= named
    assert [name for name in named if not hasattr(ConvSpec.parse("n1c1h1w1_f1kh1kw1"), name)] == []


@pytest.mark.parametrize(
    ("page", "heading", "words"),
    [
        ("glossary.md", "\nstatus\n:", Status),
        ("glossary.md", "\nverdict\n:", Verdict),
        ("glossary.md", "\nop\n:", OPS),
    ],
)
def test_a_definition_lists_all_words(page: str, heading: str, words: list[str]) -> None:
    definition = page_named(page).partition(heading)[2].split("\n\n")[0]
    assert set(re.findall(r"`([a-z_0-9]+)`", definition)) == {str(word) for word in words}


def _first_cells(text: str, header: str) -> set[str]:
    """The words in the first column of the table with this header."""
    rows = text.partition(f"| {header} |")[2].partition("\n\n")[0].splitlines()
    return {word for row in rows for word in re.findall(r"`(\w+)`", row.split(" | ")[0])}


def test_every_verdict_and_status_is_explained() -> None:
    text = page_named("reading-a-report.md")
    assert _first_cells(text, "verdict") == {str(word) for word in Verdict}
    assert _first_cells(text, "status") == {str(word) for word in Status}
    assert _first_cells(text, "cell") == {str(word) for word in CellStatus} - {"ok"}


def test_every_key_of_the_json_is_explained(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("def im2col(x, spec):\n    return x\n\n\ncol2im = im2col\n", encoding="utf-8")
    file = tmp_path / "found.json"
    run("harness", "check", str(broken), "--tier", "0", "--json", str(file))
    (found,) = json.loads(file.read_text(encoding="utf-8"))
    text = page_named("reading-a-report.md").partition("## `harness check --json`")[2].partition("\n## ")[0]
    whole, _, group = text.partition("Each of `checks`")
    assert _first_cells(whole, "key") == found.keys()
    assert _first_cells(group, "key") == found["checks"][0].keys()
    assert {key for c in found["checks"] for f in c["failures"] for key in f} <= set(re.findall(r"`(\w+)`", group))


def test_every_exit_code_is_explained() -> None:
    rows = page_named("reading-a-report.md").partition("| code | means |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| (\d+) \|", rows, re.M) == ["0", "1", "2", "3", "4", "130"]


def test_the_size_of_the_grid_is_told_right() -> None:
    from conformance.cases.grids import grid

    told = {number for text in PAGES.values() for number in re.findall(r"(\d[\d,]+) small geometries", text)}
    assert told == {f"{grid.size():,}"}


def test_every_check_is_in_the_list_of_checks() -> None:
    import conformance.run.plan  # noqa: F401  (it imports every file of checks)
    from conformance.checks.registration import CHECKS

    listed = set(re.findall(r"`([a-z]+\.[a-z_]+)`", PAGES["conformance/README.md"]))
    assert len(CHECKS) > 30
    assert CHECKS.keys() - listed == set()


# -- what sources say -------------------------------------------------------------------------------------------------


def test_sources_cite_only_documents_that_are_here() -> None:
    foreign = re.compile(r"\bDESIGN\b")
    here = Path(__file__).stem
    sources = {name: path.read_text(encoding="utf-8") for name, path in FILES.items() if not name.endswith(here)}
    assert [name for name, text in sources.items() if foreign.search(text)] == []
    cited = {(name, path) for name, text in sources.items() for path in re.findall(r"\bdocs/[\w/-]+\.md", text)}
    assert cited
    assert [(name, path) for name, path in cited if not (ROOT / path).is_file()] == []


def test_docstrings_say_plainly_what_is_surprising() -> None:
    phrase = "Surprising " + "fact"
    assert [name for name, path in FILES.items() if phrase in path.read_text(encoding="utf-8")] == []
