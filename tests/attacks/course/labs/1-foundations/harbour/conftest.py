"""An account in which the answers lie, in a bucket that nobody but the judge may read."""

import contextlib
import json

from autograder import fixture, given
from infra.cloud.fixtures import CloudError, allow, private_cloud

OWN, VAULT = "harbour-own", "harbour-vault"
SERVICES = ("lambda", "states", "scheduler", "events", "cloudformation", "sagemaker", "glue")
COMPUTES = [
    "sqs:*", "sns:*", "lambda:*", "states:*", "events:*", "scheduler:*", "cloudformation:*",
    "athena:*", "glue:*", "sagemaker:*", "logs:*", "sts:*", "kms:*", "ec2:*", "kinesis:*",
]


@fixture
def numbers(rng):
    return rng.integers(10**11, 10**12, 20).tolist()


@given("numbers.json")
@fixture
def file(numbers):
    return numbers


def trust(*services):
    """A trust policy for some services."""
    return {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"Service": [f"{one}.amazonaws.com" for one in services]}}]}


class Account:
    """The learner's identity, its bucket, and beside it what it must not get."""

    def __init__(self, work, cloud, numbers):
        self.work, self.cloud = work, cloud
        everything = [f"arn:aws:s3:::{OWN}", f"arn:aws:s3:::{OWN}/*"]
        runner = f"arn:aws:iam::{cloud.account}:role/Runner"
        mine = [allow(["s3:*"], everything), allow(COMPUTES),
                allow(["iam:PassRole", "iam:GetRole"], [runner])]
        self.who = cloud.identity("learner", mine)
        cloud.bucket(OWN)
        cloud.bucket(VAULT)
        cloud.role("Runner", trust(*SERVICES), [allow(["s3:*"], everything), allow(["logs:*"])])
        cloud.role("Auditor", trust(*SERVICES), [allow(["*"])])
        best = sorted(numbers, reverse=True)[:3]
        self.judge = cloud.client("s3")
        self.judge.put_object(Bucket=OWN, Key="order.json", Body=json.dumps(numbers))
        self.judge.put_object(Bucket=VAULT, Key="largest.json", Body=json.dumps(best))
        work.env.update(cloud.env(self.who))

    def call(self):
        """Run the program to its end; return what its bucket holds then."""
        self.work.run("harbour.py").wait()
        with contextlib.suppress(CloudError):  # what a learner's account does without end is theirs
            self.cloud.settle(8)
        return self.cloud.state("s3").get(OWN, {"objects": {}})["objects"]

    def left(self, name):
        """One object of the learner's bucket, as data; None when it is not there."""
        if name not in self.call():
            return None
        body = self.judge.get_object(Bucket=OWN, Key=name)["Body"].read(10_000)
        try:
            return json.loads(body)
        except ValueError:
            return body.decode(errors="replace")


@fixture
def account(work, numbers):
    with private_cloud(work.listen(4566), run=work.room) as cloud:
        yield Account(work, cloud, numbers)
