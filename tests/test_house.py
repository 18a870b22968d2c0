"""The rules of the house that a linter does not hold: sizes, no machine's paths, a light start."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
HEAVY = {
    "torch",
    "transformers",
    "trl",
    "peft",
    "datasets",
    "sqlalchemy",
    "scipy",
    "pandas",
    "matplotlib",
}


def tracked_texts() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    names = [name for name in listed.stdout.split("\0") if name]
    suffixes = {".py", ".md", ".toml", ".lock", ".yml", ".cfg", ".html", ".css", ".js", ""}
    return [ROOT / n for n in names if (ROOT / n).suffix in suffixes and (ROOT / n).is_file()]


def modules_after(code: str) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in ran.stderr.split()}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT / "src").as_posix())
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    long = [
        (node.name, node.end_lineno - node.lineno + 1)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= 80
    ]
    assert long == []


def test_nothing_committed_names_a_machine_or_a_package_index() -> None:
    # Spelt in pieces, so that this file does not name them itself.
    places = re.compile(r"/(?:home|root|work|Users)" + r"/[\w.-]+|file://" + r"/\w|/opt" + r"/\w")
    hosts = re.compile(r"(?:index-url|find-links)[ =]+[\"']?(?:https?|file):")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}"
        for path in tracked_texts()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if places.search(line) or hosts.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "import hansei",
        "import hansei.core.records, hansei.core.errors, hansei.catalogue",
        "import hansei.cli",
        "from hansei.cli import main; main(['--help'])",
        "from hansei.cli import main; main(['papers'])",
    ],
)
def test_a_start_imports_nothing_heavy(code: str) -> None:
    assert modules_after(code) & HEAVY == set()


def test_importing_the_command_line_does_not_import_rich() -> None:
    assert "rich" not in modules_after("import hansei, hansei.cli")


def test_the_lock_pins_every_dependency_of_the_project() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lock.splitlines() if "==" in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    wanted += [item for extra in project["optional-dependencies"].values() for item in extra]
    names = {re.split(r"[^\w-]", item)[0].lower().replace("_", "-") for item in wanted}
    assert names - {project["name"]} <= pinned
    assert "torch==2.13.0" in lock.splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lock.splitlines())


def test_the_picture_of_the_floors_is_the_one_that_the_linter_holds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    floors = page.partition("## The floors")[2].partition("## ")[0]
    drawn = [re.split(r"  +", line.strip())[0] for line in floors.splitlines() if line.startswith("    ")]
    assert drawn == [re.sub(r"[()]", "", layer) for layer in layers]
