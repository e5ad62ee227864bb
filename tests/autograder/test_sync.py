"""What is generated is written once, found when it drifts, and taken away when it is left over."""

import json

import pytest
from click.testing import CliRunner

from autograder import evidence, sync
from autograder.cli.author import bench, helps
from autograder.cli.author import sync as command
from autograder.errors import ManifestError, UsageError
from autograder.manifest import load_course

HELPS = {"ladder": "Usage: ladder", "ladder check": "Usage: ladder check"}
MKDOCS = "site_name: x\nnav:\n  # nav: begin\n  # nav: end\n"
CARDS = "# Foundations\n\n<!-- cards: begin -->\nold\n<!-- cards: end -->\n\nMore.\n"
PROOF = evidence.Proof(
    key="k", engine=1, mode="A", wrong=(), points=9, checks=5, seeds=50, alternatives=1,
    mistakes=7, mistake_seeds=20, lazy=5, lazy_share=0, liars=20, liar_share=0, mutants=36,
    killed=35, survivors=(evidence.Survivor(file="lab.py", line=3, change="a  ->  b"),), cpu=60,
)  # fmt: skip


def written(course):
    return sync.write(course, sync.plan(course, HELPS))


def test_everything_is_written_once(course):
    assert written(course)
    assert written(course) == []


def test_a_drifted_file_is_found_and_mended(course):
    written(course)
    card = course.root / "docs" / "labs" / "sum-up.md"
    card.write_text("mine")
    assert sync.drift(course, sync.plan(course, HELPS)) == [card]
    assert written(course) == [card]
    assert card.read_text().startswith("---\n# Written by `ladder sync`")


def test_a_changed_solution_changes_the_starter(course, edit):
    written(course)
    edit("solutions/2-junior/port-call/watch.py", "Keeps watch", "Keeps a watch")
    changed = [p.name for p in written(course)]
    assert changed == ["watch.py"]


def test_cards_of_labs_that_are_gone_are_taken_away(course):
    written(course)
    old = course.root / "docs" / "labs" / "old-lab.md"
    old.write_text("x")
    assert written(course) == [old]
    assert not old.exists()


def test_a_card_tells_checks_points_rows_and_how_to_begin(course):
    written(course)
    card = (course.root / "docs" / "labs" / "sum-up.md").read_text()
    for text in ("`adds_up` *must*", "9 points", "F2", "model", "./ladder start sum-up", "160 MB"):
        assert text in card


def test_rows_count_as_proven_only_by_mark_and_by_proof(course):
    proofs = evidence.Table(labs={"sum-up": PROOF})
    evidence.path(course.root).write_bytes(evidence.encode(proofs))
    written(course)
    roles = (course.root / "docs" / "reference" / "roles.md").read_text()
    rows = {line.split(" | ")[0][2:]: line for line in roles.splitlines() if line.startswith("| ")}
    assert rows["F1"].endswith("| yes |")
    assert rows["F2"].endswith("| no: model |")
    assert rows["J1"].endswith("| not yet |")
    assert "2 of them count as proven" in roles


def test_the_table_of_proofs_lists_survivors(course):
    evidence.path(course.root).write_bytes(evidence.encode(evidence.Table(labs={"sum-up": PROOF})))
    written(course)
    page = (course.root / "docs" / "reference" / "prove.md").read_text()
    assert "35 of 36" in page
    assert "`lab.py:3`" in page


def test_measured_figures_become_a_table(course):
    written(course)
    page = course.root / "docs" / "reference" / "bench.md"
    assert "Not measured yet" in page.read_text()
    results = course.root / "tests" / "bench" / "results.json"
    results.parent.mkdir(parents=True)
    results.write_text(json.dumps({"columns": ["way", "s"], "rows": [["ours | here", "1"]]}))
    written(course)
    assert "| ours \\| here | 1 |" in page.read_text()


def test_a_contract_becomes_a_table_for_each_kind(course):
    written(course)
    page = course.root / "docs" / "reference" / "cloud-contract.md"
    assert "Not measured yet" in page.read_text()
    results = course.root / "tests" / "infra" / "contract" / "table.json"
    results.parent.mkdir(parents=True)
    results.write_text(json.dumps({
        "text": ["What it is."], "kinds": {"one": "The one", "other": "The other"},
        "targets": {"here": {"engine": "ours 1"}, "there": {"engine": "theirs 2"}},
        "cases": [
            {"kind": "one", "claim": "it rains", "by": "A page",
             "outcomes": {"here": "right", "there": "differs: it snows; really rain"}},
            {"kind": "other", "claim": "it thaws", "by": "B page",
             "outcomes": {"here": "absent: 501"}},
        ],
    }))  # fmt: skip
    written(course)
    text = page.read_text()
    assert "| `here` | ours 1 | 1 | 0 | 1 |" in text
    assert "| `there` | theirs 2 | 0 | 1 | 0 |" in text
    assert "| it rains | A page | right | *differs* |" in text
    assert "| it thaws | B page | *absent* |" in text
    assert "| `there` | it rains | differs: it snows; really rain |" in text
    assert "| `here` | it thaws | absent: 501 |" in text


def test_navigation_and_stage_cards_stand_between_their_marks(course):
    (course.root / "mkdocs.yml").write_text(MKDOCS)
    stage = course.root / "docs" / "1-foundations" / "index.md"
    stage.write_text(CARDS)
    written(course)
    nav = (course.root / "mkdocs.yml").read_text()
    assert "      - 1-foundations/sum-up.md\n" in nav
    assert nav.index("reference/prove.md") < nav.index("Reference:") < nav.index("labs/sum-up.md")
    assert "### [Sum up](sum-up.md)" in stage.read_text()
    assert stage.read_text().endswith("\n\nMore.\n")
    assert written(course) == []


def test_a_page_without_its_marks_is_refused(course):
    (course.root / "mkdocs.yml").write_text("nav: []\n")
    with pytest.raises(ManifestError, match="two marks"):
        sync.plan(course, HELPS)


def test_the_command_names_what_drifted_and_the_cure(course, monkeypatch):
    monkeypatch.chdir(course.root)
    run = CliRunner().invoke(command, ["--check"])
    assert run.exit_code == 1
    assert "drifted  docs/labs/index.md" in run.output
    assert "-> ./ladder sync" in run.output
    assert CliRunner().invoke(command, []).exit_code == 0
    assert CliRunner().invoke(command, ["--check"]).exit_code == 0
    assert load_course(course.root).labs


def test_every_command_stands_in_the_help():
    found = helps()
    assert {"ladder", "ladder sync", "ladder prove", "ladder check"} <= set(found)
    assert all(text.startswith("Usage: ./ladder") for text in found.values())


def test_bench_passes_its_arguments_on_and_says_when_there_is_none(course, monkeypatch):
    monkeypatch.chdir(course.root)
    with pytest.raises(UsageError, match="no bench"):
        CliRunner().invoke(bench, [], catch_exceptions=False, standalone_mode=False)
    runner = course.root / "tests" / "bench" / "run.py"
    runner.parent.mkdir(parents=True)
    runner.write_text("import sys; sys.exit(len(sys.argv) - 1)")
    assert CliRunner().invoke(bench, ["--all", "x"]).exit_code == 2
