"""A rehearsal leaves nothing that a learner's code could notice, and nothing to be imported."""

from __future__ import annotations

import json
import subprocess
import sys

REHEARSED = """
import json, os, random, sys, threading
import numpy as np, pandas as pd, sklearn.ensemble, sklearn.linear_model, sklearn.pipeline
from autograder import cells, rehearsal
from autograder.values import decode, encode

def state():
    kind, keys, *rest = np.random.get_state()
    return [random.getstate(), kind, keys.tolist(), rest, dict(os.environ), os.getcwd(),
            sorted(cells.SHELL.user_ns), len(cells.SHELL.user_ns["Out"]), threading.active_count(),
            pd.describe_option("display", _print_desc=False), np.geterr(), np.get_printoptions()]

random.seed(1), np.random.seed(1)
before = json.dumps(state(), default=str)
rehearsal.rehearse()
after = json.dumps(state(), default=str)
known = set(sys.modules)
table = pd.DataFrame({"word": ["a", None], "number": [1.5, 2.5]})
node, buffers = encode([table, table["number"].to_numpy()])
decode(node, [memoryview(b).cast("B") for b in buffers], None)
table.groupby("word")["number"].sum()
model = sklearn.pipeline.make_pipeline(sklearn.ensemble.RandomForestClassifier(3))
model.fit(np.eye(9), [0, 1, 0] * 3)
print(json.dumps([before == after, sorted(set(sys.modules) - known)]))
"""


def test_it_changes_nothing_and_spares_the_forks_every_import() -> None:
    done = subprocess.run(
        [sys.executable, "-c", REHEARSED], capture_output=True, text=True, check=True
    )
    same, imported = json.loads(done.stdout)
    assert same
    assert imported == []


def test_it_loads_no_library() -> None:
    code = "import sys; from autograder.rehearsal import rehearse; rehearse(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "pandas", "sklearn", "IPython"} & set(done.stdout.split())


CLIENTS = """
import json, os, sys
import boto3
from autograder import rehearsal
from botocore.loaders import JSONFileLoader

before = dict(os.environ)
rehearsal.rehearse()
read, load = [], JSONFileLoader._load_file

def noted(self, path, how):
    found = load(self, path, how)
    if found is not None:
        read.append(path)
    return found

JSONFileLoader._load_file = noted
for name in rehearsal.SERVICES:
    boto3.client(name, region_name="eu-central-1")
own = os.path.join(sys.argv[1], "model")
with open(own + ".json", "w") as file:
    file.write("{}")
found = [JSONFileLoader().load_file(own) for _ in range(2)]
print(json.dumps([before == dict(os.environ), boto3.DEFAULT_SESSION._session.profile,
                  sorted(set(read)), found[0] is found[1]]))
"""


def test_a_forks_first_client_reads_no_description_of_a_service(tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLIENTS, str(tmp_path)], capture_output=True, text=True, check=True
    )
    same, profile, read, kept = json.loads(done.stdout)
    assert (same, profile, kept) == (True, None, False)
    assert read == [str(tmp_path / "model.json")]
