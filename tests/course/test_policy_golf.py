"""The claims desk's account: its calls and its ground agree, its six ways up are real, and so is
what the lesson says."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from autograder.check import fixtures_of
from infra.cloud.fixtures import loopback, private_cloud

ROOT = Path(__file__).parents[2]
LESSON = ROOT / "docs/3-senior/policy-golf"
SOLUTION = ROOT / "solutions/3-senior/policy-golf"
SEEDS = range(1, 9)
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
# What a call ends with that was let in and has nothing left to do.
SPENT = {
    "", "DisabledException", "KMS.DisabledException", "EntityAlreadyExists", "LimitExceeded",
    "BucketNotEmpty", "ResourceNotFoundException", "InvalidRequestException",
}  # fmt: skip
Open = Callable[..., Any]


def load(path: Path, name: str = "") -> ModuleType:
    spec = importlib.util.spec_from_file_location(name or f"course_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lab() -> ModuleType:
    return load(ROOT / "labs/3-senior/policy-golf/conftest.py", "claims_desk")


@pytest.fixture(scope="module")
def worked() -> ModuleType:
    return load(LESSON / "worked.py", "worked_golf_tested")


@pytest.fixture
def opened(lab: ModuleType) -> Iterator[Open]:
    """Opens accounts whose roles carry given documents; `run` as private_cloud has it."""
    with contextlib.ExitStack() as stack:

        def one(seed: int, policies: dict[str, Any], *functions: str, run: Any = None) -> Any:
            of = lab.names(seed)
            listener = stack.enter_context(loopback())
            cloud = stack.enter_context(private_cloud(listener, region=of["region"], run=run))
            account = lab.Account(cloud, of, seed, False)
            stack.callback(account.close)
            account.executes = run is not None
            return account.furnish(policies, ("resize", *functions))

        yield one


def policies(folder: Path = SOLUTION) -> dict[str, Any]:
    names = ("assessor", "cashier", "releaser")
    found = {name: folder / f"{name}.json" for name in names}
    own = {n: p if p.is_file() else SOLUTION / p.name for n, p in found.items()}
    return {name: json.loads(path.read_text()) for name, path in own.items()}


def same(lab: ModuleType, *statements: dict[str, Any]) -> dict[str, Any]:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return dict.fromkeys(lab.ROLES, document)


def strokes(lab: ModuleType, found: dict[str, Any], seed: int) -> dict[str, int]:
    of = lab.names(seed)
    cells = lab.ground(of, seed)
    can = {role: lab.allowed(lab.filled(one, of), cells) for role, one in found.items()}
    return {
        role: sum(c["weight"] for c in some if role not in c["need"]) for role, some in can.items()
    }


# --- the world -------------------------------------------------------------------------------


def test_months_follow_each_other_and_the_second_begins_a_quarter(lab: ModuleType) -> None:
    for seed in range(1, 60):
        now, later = lab.months(seed)
        number = [int(m[:4]) * 12 + int(m[5:]) - 1 for m in (now, later)]
        assert number[1] - number[0] == 1
        assert later[5:] in ("01", "04", "07", "10")
        third = lab.afterwards(seed)
        assert third[5:] in ("02", "05", "08", "11")
        assert 2 <= int(third[:4]) * 12 + int(third[5:]) - 1 - number[0] <= 11


def test_no_list_of_names_holds_the_next_functions_or_pictures(lab: ModuleType) -> None:
    lengths = set()
    for seed in range(1, 200):
        plain, successor = lab.coined(seed)
        assert plain not in ("films", "resize", "notify")
        assert len(plain) not in (5, 6)
        assert successor.startswith("legacy-")
        assert max(len(plain), len(successor)) < 20
        lengths.add(len(plain))
        for role in ("assessor",):
            photos = [
                call[2]["Key"].rsplit("/", 1)[1] for call in lab.recorded(lab.names(1), role, seed)
                if call[1] == "get_object"
            ]  # fmt: skip
            assert max(map(len, photos)) > len("?.jpg")
    assert len(lengths) > 6


def test_every_probe_is_beside_the_work_and_forty_are_published(lab: ModuleType) -> None:
    for seed in SEEDS:
        of, told, counts = lab.names(seed), lab.told(lab.names(seed), seed), {}
        for role in lab.ROLES:
            months = (lab.recorded, lab.next_month, lab.third_month)
            work = [call for month in months for call in month(of, role, seed)]
            beside = lab.probes(of, role, seed)
            assert len({json.dumps(call) for _, call in beside}) == len(beside)
            counts[role] = len(beside)
            assert not [call for _, call in beside if call in work]
            shown = {family for family, call in beside if call in told[role]["refused"]}
            assert shown == {family for family, _ in beside}, "a sibling without a sibling"
        assert sum(len(one["refused"]) for one in told.values()) == 40
        assert 145 <= sum(counts.values()) < 155


def test_the_next_month_asks_for_what_the_recorded_one_did_not(lab: ModuleType) -> None:
    of = lab.names(3)
    new = {"assessor": "films/", "cashier": "restatements/", "releaser": lab.coined(3)[0]}
    for role, word in new.items():
        assert word not in json.dumps(lab.recorded(of, role, 3))
        assert word in json.dumps(lab.next_month(of, role, 3))


def test_the_ground_is_the_same_list_under_every_seed(lab: ModuleType) -> None:
    shapes = set()
    for seed in SEEDS:
        cells = lab.ground(lab.names(seed), seed)
        shapes.add(tuple((c["action"], c["weight"], tuple(c["need"])) for c in cells))
        keys = [json.dumps([c["action"], c["resource"], c["context"]]) for c in cells]
        assert [key for key, count in Counter(keys).items() if count > 1] == []
        assert {key for c in cells for key in c["context"]} == set(lab.KEYS)
    assert len(shapes) == 1


def test_no_cell_is_only_for_later_months(lab: ModuleType) -> None:
    for seed in SEEDS:
        cells = lab.ground(lab.names(seed), seed)
        when = lab.dates(seed)
        later = (when["later"], when["quarter"], *lab.coined(seed))
        assert not [c for c in cells if c["need"] and any(one in json.dumps(c) for one in later)]
        assert not [c for c in cells if any(one in c["resource"] for one in lab.coined(seed))]
        closed = [when[f"closed{back}"] for back in lab.CLOSED]
        assert len({lab._quarter(one) for one in (*closed, when["now"])}) == 4


def test_par_is_the_reference_and_fifteen_percent(lab: ModuleType) -> None:
    for seed in SEEDS:
        assert strokes(lab, policies(), seed) == {"assessor": 15, "cashier": 33, "releaser": 0}
        assert sum(strokes(lab, same(lab, ALL), seed).values()) == 10138
        for one in (SOLUTION / "alternatives").iterdir():
            assert sum(strokes(lab, policies(one), seed).values()) <= lab.PAR
    assert int(48 * 1.15) == lab.PAR == 55
    checks = (ROOT / "labs/3-senior/policy-golf/checks.py").read_text()
    brief = (ROOT / "labs/3-senior/policy-golf/README.md").read_text()
    assert "at_most(55)" in checks
    assert "at_most(110)" in checks
    assert "**Par is 55 strokes**" in brief
    assert "they take 10,138" in brief


def test_the_reference_allows_all_of_the_need(lab: ModuleType) -> None:
    of = lab.names(5)
    cells = lab.ground(of, 5)
    for role, document in policies().items():
        can = lab.allowed(lab.filled(document, of), cells)
        assert [c for c in cells if role in c["need"] and c not in can] == []


def test_the_scorecard_counts_as_the_judge_does(lab: ModuleType, tmp_path: Path) -> None:
    of = lab.names(4)
    (tmp_path / "site.json").write_text(json.dumps(of))
    (tmp_path / "ground.json").write_text(str(fixtures_of(lab)["desk_ground"](of, 4)))
    for name in ("golf.py", "assessor.json", "cashier.json", "releaser.json"):
        (tmp_path / name).write_bytes((SOLUTION / name).read_bytes())
    done = subprocess.run(
        [sys.executable, "golf.py"], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "48 strokes. Par is 55."


# --- calls in the emulated account -----------------------------------------------------------


def test_both_months_pass_and_ask_for_what_the_ground_calls_need(
    lab: ModuleType, opened: Open
) -> None:
    of, asked = lab.names(6), {role: set[str]() for role in lab.ROLES}
    for months in ((lab.recorded,), (lab.next_month, lab.third_month)):
        account = opened(6, policies(), *(["notify"] * (len(months) > 1)))
        for role in lab.ROLES:
            for month in months:
                account.live_through(role, month(of, role, 6))
            asked[role] |= {
                call.action for call in account.cloud.log
                if call.principal == account.sessions[role].arn
            }
    for role, found in asked.items():
        need = {c["action"] for c in lab.ground(of, 6) if role in c["need"]}
        beside = {"kms:Decrypt", "kms:GenerateDataKey", "iam:PassRole"}  # asked for with others
        assert found == need - beside


@pytest.mark.parametrize("seed", [7, 8])
def test_every_probe_is_let_in_by_everything_and_refused_by_the_reference(
    lab: ModuleType, opened: Open, seed: int
) -> None:
    of = lab.names(seed)
    narrow = opened(seed, policies())
    for role in lab.ROLES:
        wide = opened(seed, same(lab, ALL))
        beside = [call for _, call in lab.probes(of, role, seed)]
        for call in sorted(beside, key=lambda call: call[1].startswith(("delete", "disable"))):
            wide.store([call])
            assert wide.attempt(wide.sessions[role], call) in SPENT, call
            assert narrow.refuses(role, call), call


def test_each_probe_is_one_that_the_learner_can_place(lab: ModuleType) -> None:
    """Every call of a family is published under some seed."""
    found, every = set(), set()
    of = lab.names(1) | {"tag": "0"}
    for seed in range(1, 150):
        for role in lab.ROLES:
            beside = [(role, f, c[1]) for f, c in lab.probes(of, role, seed)]
            shown = lab.told(of, seed)[role]["refused"]
            every.update(beside)
            found.update(beside[: len(shown)])
    assert found == every


def deny(actions: Any, resources: Any = "*", **condition: Any) -> dict[str, Any]:
    more = {"Condition": condition} if condition else {}
    return {"Effect": "Deny", "Action": actions, "Resource": resources, **more}


OLD = ["arn:aws:iam::*:role/claims/run/*-legacy", "arn:aws:lambda:*:*:function:*-legacy"]
LEGACY = deny("*", OLD)
NO_BARE_ROLE = deny("iam:CreateRole", Null={"iam:PermissionsBoundary": "true"})
MADE = "a role is made outside the fence, or the fence is moved or taken off"
KEYS = "an administrator's keys are found or made"
DOOR = "a role that trusts the whole account is put on"
LENT = "a strong role is lent to a function of the desk's"
CODE = "a function that runs with a strong role gets other code"
NO_OPEN = deny("*", StringLike={"iam:PermissionsBoundary": "*-open"})
WALKED = {
    "old_version": ("the version of before the audit is made current again", ()),
    "open_door": (DOOR, ()),
    "open_door, its trust written anew": (DOOR, (), "sts:*"),
    "drawer": (KEYS, ()),
    "drawer, let out": (KEYS, (deny("iam:CreateAccessKey"),), "secretsmanager:GetSecretValue"),
    "drawer, another key": (KEYS, (deny("secretsmanager:*"),)),
    "borrowed_role, the old one": (LENT, ()),
    "borrowed_role, another": (LENT, (LEGACY,)),
    "other_code, the old one": (CODE, ()),
    "other_code, another": (CODE, (LEGACY,)),
    "unfenced_role": (MADE, ()),
    "behind another fence": (MADE, (NO_BARE_ROLE, deny("iam:*PermissionsBoundary"))),
    "behind a fence of AWS's": (
        MADE, (NO_BARE_ROLE, NO_OPEN, deny(["iam:CreatePolicyVersion", "iam:*Boundary"])),
    ),
    "the fence moved": (MADE, (deny(["iam:CreateRole", "iam:*Boundary"]),)),
    "the fence replaced": (
        MADE, (deny(["iam:CreateRole", "iam:CreatePolicyVersion", "iam:Delete*Boundary"]),),
    ),
    "the fence replaced by AWS's": (
        MADE,
        (deny(["iam:CreateRole", "iam:CreatePolicyVersion", "iam:Delete*Boundary"]), NO_OPEN),
    ),
    "the fence taken off": (
        MADE, (deny(["iam:CreateRole", "iam:CreatePolicyVersion", "iam:Put*Boundary"]),),
    ),
}  # fmt: skip


@pytest.mark.parametrize("walk", WALKED)
def test_each_way_up_is_real(lab: ModuleType, opened: Open, walk: str) -> None:
    """Walked to its end: what lies in the vault is read, by the function's code where one runs."""
    name, closed, *but = WALKED[walk]
    every = {"Effect": "Allow", "NotAction": but, "Resource": "*"} if but else ALL
    account = opened(9, same(lab, every, *closed, VAULT), run="here")
    releaser = account.sessions["releaser"]
    assert not account.vault_is_open(releaser)
    assert lab.WAYS[name](account, releaser, "releaser")


# The role cannot read the vault itself, so that whoever does has become somebody else.
VAULT = deny("s3:*", "arn:aws:s3:::larkmoor-vault-*")


def test_the_reference_leaves_no_way_up(lab: ModuleType, opened: Open) -> None:
    account = opened(9, policies())
    for role in lab.ROLES:
        for name, go in lab.WAYS.items():
            assert not go(account, account.sessions[role], role), (role, name)


# --- the lesson ------------------------------------------------------------------------------


def test_the_transcript_is_perfect_and_useless(worked: ModuleType) -> None:
    found = {name: worked.judge(*statements) for name, statements in worked.PEOPLE.items()}
    assert found["the transcript"] == (0, 3)
    assert found["the transcript with stars"] == (9, 1)
    assert found["a judgement"] == (11, 0)


def test_one_right_is_harmless_on_one_arrow_and_not_on_the_other(worked: ModuleType) -> None:
    assert "administrator" in worked.reaches("releaser")
    assert "administrator" not in worked.reaches("resize runs as")
    assert "administrator" not in worked.reaches("a new role")
    three = ("iam:SetDefaultPolicyVersion", "iam:CreatePolicyVersion", "lambda:UpdateFunctionCode")
    assert "administrator" in worked.reaches("releaser", three[:2])
    assert "administrator" not in worked.reaches("releaser", three)


def test_pictures_and_table_are_up_to_date(tmp_path: Path) -> None:
    for drawn in load(ROOT / "docs/figures/policy_golf.py").draw(tmp_path):
        assert drawn.read_text() == (LESSON / drawn.name).read_text(), drawn.name


def test_the_engines_own_evaluator_is_as_the_lesson_says() -> None:
    from moto.iam.access_control import IAMPolicy, PermissionResult

    def verdict(action: str, resource: str, *statements: dict[str, Any]) -> Any:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        return IAMPolicy(document).is_action_permitted(action, resource)

    allow = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/C-?"}
    assert verdict("s3:GetObject", "arn:aws:s3:::b/C-1", allow) != PermissionResult.PERMITTED
    through = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    conditional = {**ALL, "Condition": through}
    assert verdict("s3:GetObject", "*", conditional) == PermissionResult.PERMITTED
    fence = {"Effect": "Deny", "Action": "s3:*", "NotResource": "arn:aws:s3:::ours/*"}
    assert verdict("s3:GetObject", "arn:aws:s3:::vault/x", fence) == PermissionResult.PERMITTED


def test_the_bill_of_the_lesson_adds_up() -> None:
    text = LESSON.with_suffix(".md").read_text()
    assert f"${(1 + 3 * 0.4) * 168 / 730:.2f}, for one key and three secrets" in text
