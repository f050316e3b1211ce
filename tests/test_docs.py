"""What the documents show is true: links lead somewhere, code runs, settings are settings.

In a page, what stands in a comment before a block says how it is checked:

``<!-- schema: PATH -->``       before YAML: of which file it is; an experiment by default
``<!-- merged into: FILE -->``  before YAML: the reader puts it into that file
"""

import importlib
import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
import typer
from markdown_it import MarkdownIt
from typer.testing import CliRunner

import recsys.errors
import recsys.marketing
from recsys.cli import app
from recsys.data.sources.generate import generate
from recsys.experiment.file import Document, set_value
from recsys.system.yaml_text import dump_yaml, read_override, read_yaml
from tests.processes import exports_by_fork

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
READMES = [REPOSITORY / "README.md", REPOSITORY / "README.zh.md"]
PAGES = [*READMES, REPOSITORY / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
MARKDOWN = MarkdownIt("commonmark").enable("table")
EXPERIMENT = "recsys/experiment/schemas/experiment.schema.json"
# What an experiment must have, where a block shows other parts of it.
REST_OF_AN_EXPERIMENT = {"data": {"log": {"public": "movielens-100k"}}}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: the file.
        line: where it begins.
        language: behind the fence.
        text: within it.
        note: the comment before it, or "".
    """

    page: Path
    line: int
    language: str
    text: str
    note: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


@cache
def tokens(page: Path) -> list:
    return MARKDOWN.parse(page.read_text(encoding="utf-8"))


def blocks(page: Path, *languages: str) -> list[Block]:
    found, note = [], ""
    for token in tokens(page):
        if token.type == "html_block":
            note = token.content.strip().removeprefix("<!--").removesuffix("-->").strip()
        elif token.type == "fence" and (language := token.info.strip()) in languages:
            found.append(Block(page, token.map[0] + 1, language, token.content, note))
        if token.type != "html_block":
            note = ""
    return found


def all_blocks(*languages: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page, *languages)]


def names(found: list[Block]) -> list[str]:
    return [block.name for block in found]


# Links


def anchors(page: Path) -> set[str]:
    """The headings of a page as a code host names them."""
    inline = [after for token, after in zip(tokens(page), tokens(page)[1:], strict=False)
              if token.type == "heading_open"]  # fmt: skip
    texts = ["".join(child.content for child in token.children) for token in inline]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


def links(page: Path) -> list[str]:
    found = []
    for token in tokens(page):
        for child in token.children or []:
            found += [child.attrs[key] for key in ("href", "src") if key in child.attrs]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page):
    broken = []
    for link in links(page):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        exists = target.exists() and target.is_relative_to(REPOSITORY)
        if not exists or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert not broken


def test_every_page_is_in_the_contents():
    toctrees = "\n".join(block.text for block in blocks(DOCS / "index.md", "{toctree}"))
    listed = set(re.findall(r"^[\w/.-]+$", toctrees, flags=re.MULTILINE))
    pages = {str(page.relative_to(DOCS).with_suffix("")) for page in DOCS.rglob("*.md")}
    assert listed == pages - {"index"}


# Shell blocks

SHELL = all_blocks("shell")


def commands(text: str) -> list[list[str]]:
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if words:
            found.append(words)
    return found


def parse(arguments: list[str]) -> None:
    """Parses a command line as the program does, and calls nothing."""
    command = typer.main.get_command(app)
    context = None
    while True:
        context = command.make_context(command.name, list(arguments), parent=context)
        if not hasattr(command, "resolve_command"):
            return
        rest = [*context._protected_args, *context.args]
        _, command, arguments = command.resolve_command(context, rest)


def of_recsys(page: Path) -> list[list[str]]:
    """The command lines of recsys in a page's blocks."""
    found = [words for block in blocks(page, "shell") for words in commands(block.text)]
    return [words[1:] for words in found if words[0] == "recsys"]


def mentioned(page: Path) -> list[list[str]]:
    """Those in its text, which need not be whole."""
    codes = [child.content for token in tokens(page) for child in token.children or []
             if child.type == "code_inline" and child.content.startswith("recsys ")]  # fmt: skip
    return [[word for word in shlex.split(code)[1:] if word != "…"] for code in codes]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_commands_are_commands(page):
    for words in of_recsys(page) + mentioned(page):
        try:
            parse(words)
        except typer.Exit:  # after --help
            continue
        except Exception as error:
            if type(error).__name__ == "MissingParameter" and words in mentioned(page):
                continue
            pytest.fail(f"recsys {shlex.join(words)}: {error!r}")


def test_a_command_that_is_not_one_is_found():
    for wrong in (["ran", "x.yaml"], ["run", "x.yaml", "--epochs", "3"], ["campaign", "mesure"]):
        with pytest.raises(Exception, match=r"No such (command|option)"):
            parse(wrong)


@pytest.mark.parametrize("block", SHELL, ids=names(SHELL))
def test_what_else_is_called_is_there(block):
    """Targets of make, scripts, experiment files and the keys of their overrides."""
    targets = re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    for words in commands(block.text):
        if words[0] == "make":
            assert set(words[1:]) <= set(targets)
        scripts = [word for word in words if re.match(r"(scripts|experiments|notebooks)/", word)]
        assert all((REPOSITORY / script).exists() for script in scripts)
        if words[0] in ("make", "recsys", "python", "pip", "git", "cd"):
            continue
        assert words[0] in scripts, f"unknown program {words[0]}"


# YAML blocks

YAML = all_blocks("yaml")


@cache
def schema(path: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((REPOSITORY / path).read_text()))


def mistakes(document: dict, path: str) -> list[str]:
    found = schema(path).iter_errors(document)
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message}" for error in found]


def file_schema(document: dict, note: str) -> str:
    if note.startswith("schema:"):
        return note.removeprefix("schema:").strip()
    if (task := document.get("task")) is not None:
        return f"recsys/marketing/schemas/{task}.schema.json"
    return EXPERIMENT


@pytest.mark.parametrize("block", YAML, ids=names(YAML))
def test_settings_are_settings(block):
    document = read_yaml(block.text, block.name)
    path = file_schema(document, block.note)
    if path == EXPERIMENT:
        document = REST_OF_AN_EXPERIMENT | document
        document["data"] = REST_OF_AN_EXPERIMENT["data"] | document["data"]
    assert mistakes(document, path) == []


def test_a_setting_that_is_not_one_is_found():
    wrong = REST_OF_AN_EXPERIMENT | {"training": {"epochs": 0, "epoch": 1}}
    found = " ".join(mistakes(wrong, EXPERIMENT))
    assert "'epoch' was unexpected" in found
    assert "training.epochs" in found


EXPERIMENTS = sorted((REPOSITORY / "experiments").glob("*.yaml"))
OTHER_FILES = {
    "complete-journey-campaign": "campaign",
    "complete-journey-likely-to-leave": "audience",
    "complete-journey-replay": "replay",
}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_schemas_accept_every_experiment(path):
    document = read_yaml(path.read_text(encoding="utf-8"), str(path))
    kind = OTHER_FILES.get(path.stem, document.get("task"))
    assert mistakes(document, f"recsys/marketing/schemas/{kind}.schema.json"
                    if kind else EXPERIMENT) == []  # fmt: skip


def test_overrides_have_keys_of_the_schema():
    for page in PAGES:
        for words in of_recsys(page):
            if words[0] not in ("run", "train", "prepare", "evaluate", "export", "sweep"):
                continue
            given = [word for option, word in pairwise(words) if not option.startswith("--")]
            overrides = [word for word in given[1:] if re.match(r"[a-z_.]+=", word)]
            document = Document({"data": {"log": {"public": "movielens-100k"}}})
            for key, _, text in (override.partition("=") for override in overrides):
                set_value(document, key, read_override(key, text))
            if not any(key in document for key in ("propensity", "sentiment", "task")):
                assert mistakes(document, EXPERIMENT) == [], words


# Python blocks, and commands where a page goes on from one to the other

PYTHON = all_blocks("python")
# Pages that are run from top to bottom, each as one session, in the order in which they build
# on each other's runs.
SESSIONS = [
    DOCS / "tutorial" / "own-log.md",
    DOCS / "tutorial" / "dataframe.md",
    DOCS / "guides" / "serving.md",
    READMES[0],
    DOCS / "guides" / "tracking.md",
    DOCS / "guides" / "own-encoder.md",
]
# Of every change: what is seen first, which trains, explains and exports as the tutorials do, and
# the guide to MLflow, which asks for the runs that were tracked before.
NIGHTLY = {*SESSIONS} - {READMES[0], DOCS / "guides" / "tracking.md"}


@pytest.mark.parametrize("block", PYTHON, ids=names(PYTHON))
def test_python_compiles(block):
    compile(block.text, block.name, "exec")


def test_every_page_with_our_python_is_run():
    ours = {block.page for block in PYTHON if re.search(r"^(import|from) recsys", block.text, re.M)}
    assert ours - {REPOSITORY / "CONTRIBUTING.md", READMES[1]} <= set(SESSIONS)


def test_both_readmes_show_the_same_code():
    """But for the comments, which are translated; one of them is run."""
    english, chinese = (
        [re.sub(r"\s+#.*", "", block.text) for block in blocks(page, "python", "shell", "yaml")]
        for page in READMES
    )
    assert english == chinese


def test_every_public_name_is_in_the_reference():
    page = (DOCS / "reference" / "python.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\.\. auto(?:function|class):: (.*)$", page, flags=re.MULTILINE))
    errors = {f"recsys.{name}" for name in recsys.__all__ if hasattr(recsys.errors, name)}
    names = {f"recsys.{name}" for name in recsys.__all__} - errors
    assert told == names | {f"recsys.marketing.{name}" for name in recsys.marketing.__all__}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, empty_store):
    """Where a reader would stand, with the shop's log."""
    folder = tmp_path_factory.mktemp("reader")
    (folder / "runs").mkdir()
    shutil.copy(empty_store, folder / "runs" / "mlflow.db")
    generate(folder / "shop", events=5000, users=150, items=100)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            id=str(page.relative_to(REPOSITORY)),
            marks=[pytest.mark.nightly] if page in NIGHTLY else [],
        )
        for page in SESSIONS
    ],
)
def test_pages_run_from_top_to_bottom(page, folder, monkeypatch):
    with exports_by_fork():
        run_page(page, folder, monkeypatch)


def run_page(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs what a page shows, as its reader does."""
    monkeypatch.chdir(folder)
    whole = page.parent.name == "tutorial"
    session: dict = {"__name__": "__main__"}
    for block in blocks(page, "python", "yaml", "shell"):
        if block.language == "python":
            exec(compile(block.text, block.name, "exec"), session)
        elif block.language == "yaml" and block.note.startswith("merged into:"):
            merge(Path(block.note.removeprefix("merged into:").strip()), block)
        elif block.language == "shell" and whole:
            for words in commands(block.text):
                if words[0] == "recsys" and words[1:3] != ["data", "generate"]:
                    done = CliRunner().invoke(app, words[1:])
                    assert done.exit_code == 0, (words, done.output, done.exception)


def merge(path: Path, block: Block) -> None:
    """Puts lines of a page into a file, as its reader does."""
    document = read_yaml(path.read_text(encoding="utf-8"), str(path))
    for section, keys in read_yaml(block.text, block.name).items():
        document[section] = {**document.get(section, {}), **keys}
    path.write_text(dump_yaml(document), encoding="utf-8")


# What is generated


@cache
def script():
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(REPOSITORY / "scripts")  # as Python does that runs it
        return importlib.import_module("write_generated")


def test_generated_files_are_up_to_date():
    stale = [
        path
        for path, text in script().generated().items()
        if not (REPOSITORY / path).is_file()
        or (REPOSITORY / path).read_text(encoding="utf-8") != text
    ]
    assert not stale, "run: python scripts/write_generated.py"


def test_the_picture_shows_every_room():
    drawn = {room for floor in script().layers() for room in floor}
    package = REPOSITORY / "recsys"
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    files = {path.stem for path in package.glob("[!_]*.py")}
    assert drawn == folders | files
    picture = (DOCS / "images" / "architecture.svg").read_text(encoding="utf-8")
    assert all(f">{room}</text>" in picture for room in drawn)


@pytest.mark.parametrize("path", script().SCHEMAS)
def test_every_key_is_described(path):
    """By itself, or by the section that it opens; of a kind the section tells enough."""
    whole = json.loads((REPOSITORY / path).read_text(encoding="utf-8"))
    silent = []
    for name, model in {"": whole, **whole.get("$defs", {})}.items():
        for key, value in model.get("properties", {}).items():
            opened = whole.get("$defs", {}).get(value.get("$ref", "").rpartition("/")[2], {})
            told = value.get("description") or opened.get("description") or "const" in value
            if not told and key != "kind":
                silent.append(f"{name}.{key}")
    assert not silent


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path):
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", "doctrees"]
    done = subprocess.run(
        [*build, DOCS, tmp_path / "site"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    # Nothing is fetched when a page is looked at.
    for page in (tmp_path / "site").rglob("*.html"):
        fetched = re.findall(
            r"<(?:script|img|iframe)[^>]+src=\"(?:https?:)?//[^\"]+"
            r"|<link[^>]+href=\"(?:https?:)?//[^\"]+",
            page.read_text(encoding="utf-8"),
        )
        assert not fetched, page.name
    assert "ndcg" in (tmp_path / "site" / "searchindex.js").read_text(encoding="utf-8")
