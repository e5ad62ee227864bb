"""Numbers of twelve digits, so that each can be searched for wherever a learner may look."""

from autograder import fixture, given


@fixture
def numbers(rng):
    return rng.integers(10**11, 10**12, 20).tolist()


@given("numbers.json")
@fixture
def file(numbers):
    return numbers
