"""Mutants are faults that a learner could make: in the gaps only, and always the same ones."""

import json

import pytest

from autograder import lies
from autograder.documents import document_edits, literal_edits
from autograder.handout import written
from autograder.mutants import learners_lines, mutants

POLICY = json.dumps(
    {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:a:b", "Max": 5,
                    "Public": False}]}
)  # fmt: skip
CODE = '''
def limit(role: str | None = None) -> int:
    """Return a limit."""
    allowed = 3
    ### BEGIN SOLUTION: more
    if role is not None and allowed > 2:
        return allowed + 1
    policy = {"Effect": "Allow", "Action": ["s3:GetObject"]}
    return 0
    ### END SOLUTION
'''


def test_mutants_lie_in_the_gaps_and_are_always_the_same():
    found = mutants({"a.py": CODE}, "seed")
    assert found == mutants({"a.py": CODE}, "seed")
    assert {m.line for m in found} <= learners_lines(CODE)
    assert len({m.text for m in found}) == len(found)
    changes = " ".join(m.change for m in found)
    assert "allowed - 1" in changes
    assert "'Effect': dropped" in changes
    for one in found:
        compile(one.text, "mutant", "exec")


def test_a_sample_is_spread_over_the_places():
    assert len({m.line for m in mutants({"a.py": CODE}, "seed", 4)}) >= 3


def test_annotations_are_left_alone():
    text = "def f(a: int | None) -> int | str:\n    return a\n"
    assert all("int | None" in m.text for m in mutants({"a.py": text}, "seed"))


def test_json_is_widened_flipped_swapped_loosened_and_dropped():
    texts = [json.loads(e.text) for e in document_edits("p.json", POLICY)]
    first = [t["Statement"][0] for t in texts if t.get("Statement")]
    assert {"Action": "s3:*"}.items() <= next(f for f in first if f.get("Action") == "s3:*").items()
    for key, value in (("Effect", "Deny"), ("Max", 50), ("Public", True), ("Resource", "*"),
                       ("Action", "s3:PutObject"), ("Action", None)):  # fmt: skip
        assert any(f.get(key) == value for f in first), (key, value)


@pytest.mark.parametrize(
    ("file", "text", "wanted"),
    [
        ("a.yaml", "deny:\n  public: true\n", "  public: false"),
        ("a.tf", "count = 3\nencrypted = true\n", "count = 30"),
        ("a.sql", "SELECT a\nFROM b\nWHERE c\nAND d <= 3\n", "WHERE c\n\n"),
        ("a.sql", "SELECT DISTINCT a\nFROM b INNER JOIN c\n", "LEFT JOIN"),
    ],
)
def test_other_documents_are_changed_line_by_line(file, text, wanted):
    assert any(wanted in e.text for e in document_edits(file, text))


def test_dicts_in_python_lose_keys_and_gain_rights():
    texts = [e.text for e in literal_edits(CODE)]
    assert any("'Deny'" in t for t in texts)
    assert any("'s3:*'" in t for t in texts)


@pytest.mark.parametrize("lab", ["sum-up", "port-call"])
def test_lies_keep_names_and_are_python(tiny_course, lab):
    texts = written(tiny_course.labs[lab])
    made = [lies.lazy(kind, texts) for kind in lies.LAZY]
    made += [lies.liar(kind, texts, None, {}) for kind in lies.LIARS] + [lies.recorder(texts)]
    for one in made:
        assert set(one) == set(texts)
        for file, text in one.items():
            if file.endswith(".py"):
                names = [f.name for f in lies.surface(file, texts[file])]
                assert [f.name for f in lies.surface(file, text)][-len(names) :] == names


def test_one_liar_leaves_the_others_right():
    text = "def a(x):\n    return x + 1\n\n\ndef b(x): return x + 2\n"
    first = lies.surface("m.py", text)[0]
    names: dict = {}
    exec(lies.liar("echo", {"m.py": text}, [first])["m.py"], names)
    assert (names["a"](1), names["b"](1)) == ((1,), 3)
    exec(lies.lazy("copy", {"m.py": text})["m.py"], names)
    assert (names["a"](1), names["b"](1)) == (1, 1)


def test_the_recorder_notes_answers_and_a_liar_replays_them(tmp_path, monkeypatch):
    import base64

    monkeypatch.chdir(tmp_path)
    text = '"""Doc."""\n\n\ndef a(x):\n    x = x + 1\n    return x\n'
    names: dict = {}
    exec(lies.recorder({"m.py": text})["m.py"], names)
    assert (names["a"](1), names["a"](5)) == (2, 6)
    seen = {
        p.name: base64.b64encode(p.read_bytes()).decode() for p in (tmp_path / ".visible").iterdir()
    }
    exec(lies.liar("visible", {"m.py": text}, None, seen)["m.py"], names)
    assert [names["a"](9) for _ in range(3)] == [2, 6, 6]


def test_policies_are_allowed_or_denied_whole():
    text = 'def rule():\n    return {"Statement": []}\n'
    names: dict = {}
    exec(lies.lazy("allow-all", {"m.py": text})["m.py"], names)
    assert names["rule"]()["Statement"][0]["Effect"] == "Allow"
    assert (
        json.loads(lies.lazy_document("deny-all", "p.json", POLICY))["Statement"][0]["Effect"]
        == "Deny"
    )
