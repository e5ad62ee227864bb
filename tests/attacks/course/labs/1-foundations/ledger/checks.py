"""A sum, a ranking and a book: what a notebook answers, on numbers that it has not seen."""

from autograder import check


@check(points=0)
def tells(work):
    """The work says what it found where it ran; the honest one finds nothing."""
    said = work.tried()
    assert said == "nothing", f"tried: {said}"


@check(points=2, observes="returned")
def adds(work, numbers):
    """The total is the sum."""
    assert work.total(numbers) == sum(int(n) for n in numbers), "what do they add up to?"


@check(points=2, observes="returned")
def ranks(work, numbers):
    """The largest three come largest first."""
    found = [int(n) for n in work.largest(numbers, 3)]
    assert found == sorted((int(n) for n in numbers), reverse=True)[:3], "which are the largest?"


@check(points=2, observes="returned")
def keeps(work, numbers):
    """A book that is asked through its handle keeps its balance."""
    book = work.book()
    for n in numbers[:4]:
        book.add(int(n))
    assert book.balance() == sum(int(n) for n in numbers[:4]), "what is in the book?"
