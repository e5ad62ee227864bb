"""Checks of four-way-serving: one scorer in four forms, seen from the street."""

from __future__ import annotations

import base64
import json

from autograder import check


@check(points=2, observes="wire", must=True)
def four_shells_one_answer(street, forty):
    """Service, function, worker and batch give forty parcels the same answers, bit for bit."""
    wanted = [street.truth.answer(fields) for fields in forty]
    street.open_queue()

    _, port = street.serve()
    for fields, answer in zip(forty, wanted, strict=True):
        found = street.score(port, fields).json()
        assert street.same(found, answer), "the service answers otherwise"

    asked = street.way.seen.count("model")
    odd = ["{", json.dumps(forty[0] | {"hour": 24}), ""]
    events = [event(json.dumps(one), packed=n % 2 == 1) for n, one in enumerate(forty)]
    street.board.silent, slow = 1, event(json.dumps(forty[0] | {"load_pct": None}))
    replies = street.invoke([slow, *events, *(event(body, packed=body == "{") for body in odd)])
    assert len(replies) == len(events) + 4, "the function did not survive its events"
    assert replies.pop(0).get("statusCode") == 503, "the board was silent, and no 503"
    for reply, answer in zip(replies, wanted, strict=False):
        assert reply.get("statusCode") == 200, "the function did not answer for a good parcel"
        assert street.same(street.data(reply), answer), "the function answers otherwise"
    statuses = [reply.get("statusCode") for reply in replies[len(events) :]]
    assert statuses == [400, 422, 400], (
        "the function gives another status than 400 for no JSON and 422 for no parcel"
    )
    assert street.way.seen.count("model") <= asked + 1, (
        "the function fetched the model more than once. What outlives an event?"
    )

    cages = [{"order": f"cage-{n}", "parcels": [one]} for n, one in enumerate(forty)]
    street.post([json.dumps(cage) for cage in cages])
    assert street.drain(rounds=3), "the worker left messages in the queue"
    found = street.answers()
    for number, answer in enumerate(wanted):
        assert street.same(found.get(f"cage-{number}"), [answer]), (
            "the worker answers otherwise. Through which types did the number travel?"
        )

    street.put("larkmoor-batch", "forty/in/one.csv", street.part(forty).encode())
    ended = street.live("batch.py", "s3://larkmoor-batch/forty/")
    assert ended == 0, "the batch did not end with 0"
    assert "one.jsonl" in street.keys("forty/out/"), "the batch wrote no answers"
    assert street.same(street.rows("forty/out/one.jsonl"), wanted), (
        "the batch answers otherwise. Which text does it take for a number, or for nothing?"
    )


@check(points=4, observes="cloud", must=True)
def each_order_has_its_effect_once(street, evening):
    """200 orders, some sent twice, workers killed ten times and overtaken: each counts once."""
    street.open_queue()
    hurry = [json.dumps(order) for order in evening.rush]
    assert street.overtaken(hurry[0], hurry[:1]), "an order was received, and nothing was written"
    assert street.drain(rounds=3), "messages are left in the queue that nobody takes"
    assert street.tallies() == street.due(evening.rush[:1]), (
        "two workers held the same order, and its places are not those of one. What did the slower "
        "one know when it wrote, and what might have changed since it had looked?"
    )
    street.overtaken(hurry[1], hurry[2:])
    assert street.drain(rounds=3), "messages are left in the queue that nobody takes"
    assert street.tallies() == street.due(evening.rush), (
        "two workers counted for one depot, and a count is gone. Who adds: you, or the table?"
    )

    for bodies, kill in evening.waves:
        street.post(bodies)
        street.live("worker.py", "--drain", kill=kill)
        assert street.way.hit.is_set(), (
            "with orders in its queue the worker ended by itself. Which message, or which reply, "
            "does it not survive?"
        )
        street.cloud.advance(31)
    street.way.refuse([1, 2, 30, 90])
    street.board.silent = 1
    assert street.drain(rounds=8, but=len(evening.poison)), (
        "messages are left in the queue that nobody takes"
    )
    street.lose_patience()
    assert street.drain(rounds=3), "what is no order is not left to the queue to put aside"

    answers = street.answers()
    for order in evening.orders:
        wanted = [street.truth.answer(fields) for fields in order["parcels"]]
        assert order["order"] in answers, (
            "an order has no answers, and its message is gone. When is a message done?"
        )
        assert street.same(answers[order["order"]], wanted), (
            "an order's answers are not those of the core"
        )
    assert len(answers) == len(evening.orders), "the table holds answers to what was no order"
    found, due = street.tallies(), street.due(evening.orders)
    assert sum(found.values()) <= sum(due.values()), (
        "vans keep places for parcels twice. What happened between the effect and the delete?"
    )
    assert found == due, "vans keep too few places. Which half was written when the worker died?"
    assert street.put_aside() == sorted(evening.poison), (
        "the dead-letter queue does not hold the messages that are no orders, and only these"
    )


@check(points=3, observes="wire")
def rolls_without_a_failure(street, traffic):
    """Two replicas are replaced under load: no request of 500 fails, and none is sent too early."""
    first, port = street.serve()
    second, other = street.serve()
    send = iter(traffic)

    def serves(number, *ports):
        for turn in range(number):
            fields = next(send)
            assert street.right(street.score(ports[turn % len(ports)], fields), fields), (
                "a request failed that the balancer had every reason to send"
            )

    serves(100, port, other)
    street.way.withhold("b")
    third, fresh = street.start("b")
    assert street.wants_the_model(), "a new replica asks for no model until it is asked something"
    _, dark = street.start("missing")
    asked = street.gets_ready()
    assert asked, "the service never said that it is ready"
    for _ in range(asked + 3):  # as often as one needs whose model is there, and after it
        assert street.unready(fresh), (
            "a replica whose model has not come says that it is ready, or nothing at all. How does "
            "it know?"
        )
        assert street.ask(dark, "GET", "/ready").status != 200, (
            "a replica whose model is missing says that it is ready. How does it know?"
        )
    serves(50, port, other)
    street.way.open.set()
    assert street.becomes_ready(third, fresh), "the new replica never got ready"
    serves(50, other, fresh)

    for program, old in ((first, port), (second, other)):
        fields = next(send)
        line, rest = street.half(old, fields)
        program.kill(15)
        refusals = 0
        for _ in range(40):  # the balancer asks between requests, and believes the second no
            serves(3, old, fresh)
            refusals += street.ask(old, "GET", "/ready").status == 503
            if refusals == 2:
                break
        assert refusals == 2, "a replica that was told to go does not tell the balancer"
        line.send(rest)
        assert street.right(street.heard(line), fields), (
            "a request that was under way when the replica was told to go got no answer"
        )
        line.close()
        assert street.leaves(program), (
            "told to go and out of the balancer, a replica does not end with exit code 0"
        )
        serves(50, fresh)
    assert street.ask(dark, "GET", "/ready").status != 200, (
        "a replica whose model is missing says that it is ready. How does it know?"
    )
    serves(50, fresh)


@check(points=2, observes="wire")
def sheds_what_it_cannot_serve(street, forty, rng):
    """With every place taken, further requests hear 429 at once, and places are given back."""
    at_once = int(rng.integers(4, 9))
    program, port = street.serve(at_once=at_once)
    slow = [one | {"load_pct": None} for one in forty]
    street.board.open.clear()
    file = street.send_file(port, slow[-1])
    assert street.board.holds(1), "a file with an empty load asked the board nothing"
    assert street.ask(port, "GET", "/health").status == 200, (
        "while a file waits for the board, the service does not say that it lives. Who waits?"
    )
    taken = [street.send(port, fields) for fields in slow[: at_once - 1]]
    assert street.board.holds(at_once), "fewer requests are served at once than there are places"
    for fields in forty[:30]:
        answer = street.score(port, fields)
        assert answer.status == 429, (
            "with every place taken a request was not refused. How long would its sender wait?"
        )
        assert answer.header("retry-after").isdecimal(), "a 429 does not say when to ask again"
    answer = street.ask(port, "POST", "/score.csv", street.file(slow[0]))
    assert answer.status == 429, "with every place taken a file was not refused. Who counts files?"
    for path in ("/ready", "/health"):
        assert street.ask(port, "GET", path).status == 200, (
            "a service with every place taken must still say that it lives and is ready"
        )
    street.board.open.set()
    for line, fields in zip(taken, slow, strict=False):
        assert street.right(street.heard(line), fields), "who had a place got no answer"
    assert street.heard(file).status == 200, "a file that had a place got no answer"
    assert street.board.most == at_once, "more requests were let in than there are places"

    for fields in forty[: at_once + 2]:
        assert street.score(port, fields | {"hour": 24}).status == 422, (
            "what is no parcel was not refused as such. Is the place of the one before free again?"
        )
    street.board.silent = at_once + 2
    for fields in slow[: at_once + 2]:
        assert street.score(port, fields).status == 503, "the board is silent, and no 503"
    street.board.open.clear()
    gone = [street.send(port, fields) for fields in slow[:at_once]]
    assert street.board.holds(at_once), "a place was not given back after a refusal or a failure"
    for line in gone:
        line.close()
    street.moment(port)
    late = [street.send(port, fields) for fields in slow[:at_once]]
    street.moment(port)
    street.board.open.set()
    statuses = {street.heard(line).status for line in late}
    settled = street.settles(port)
    assert program.poll() is None, "the service ended when its clients went away"
    assert statuses <= {200, 429}, "who came after clients had gone heard neither answer nor 429"
    assert street.board.most == at_once, (
        "a place was given back while its question to the board was still under way"
    )
    assert settled, "a place was not given back after its client had gone"
    for fields in forty:
        assert street.right(street.score(port, fields), fields), "after the storm a request failed"


@check(points=2, observes="wire")
def document_tells_the_truth(street, pristine, forty, seed):
    """Whatever the OpenAPI document allows is answered, what it forbids is refused, and each reply
    has a status and a shape that it tells.
    """
    _, port = street.serve(at_once=1)
    document = street.ask(port, "GET", "/openapi.json").json()
    paths = document.get("paths", {}) if isinstance(document, dict) else {}
    routes = {"/v1/score", "/score.csv", "/ready", "/health"}
    assert routes <= set(paths), "the document leaves out a path"
    probe = pristine.module("probe")

    neighbours = [fields | bent for fields in forty[:8] for bent in street.bent]
    allowed = probe.allows(document, forty + neighbours)
    assert all(allowed[: len(forty)]), "the document forbids a parcel of today's"
    assert not any(allowed[len(forty) :]), (
        "the document allows what is no parcel. Which bounds does the core know that it does not?"
    )
    bodies = [*probe.cases(document, 30, seed % 2**31), *map(json.dumps, forty + neighbours)]
    bodies.append(json.dumps(forty[0] | {"hour": 17.0}))
    bodies += ["{", "", "null", "[]", '"', '{"weight_kg": NaN}', "\x00"]
    heard = [street.exchange(port, body.encode()) for body in bodies]
    heard += [street.exchange(port, b'{"depot": "\xff"}'), *street.troubles(port, forty[0])]
    found = probe.faults(document, heard)
    assert "crashed" not in found, "a body made the service crash. Which one do you not expect?"
    assert "status" not in found, "a reply has a status that the document does not tell"
    assert "type" not in found, "a reply has a content type that the document does not tell"
    assert "shape" not in found, "a reply has another shape than the document tells"
    assert "loose" not in found, (
        "what the document says of a reply is true of other replies, too. What is always in it?"
    )
    assert "refused" not in found, "a body that the document allows was refused"
    assert "accepted" not in found, "a body that the document forbids was answered"


@check(points=1, observes="wire")
def old_client_is_still_served(street, client_of_2009):
    """The client of 2009 gets what it has always got, byte for byte."""
    _, port = street.serve()
    kind = {"content-type": "text/csv; charset=iso-8859-1"}
    answer = street.ask(port, "POST", "/score.csv", client_of_2009.request, kind)
    assert answer.status == 200, "a file with a few broken rows was refused as a whole"
    lines, wanted = answer.body.split(b"\r\n"), client_of_2009.reply.split(b"\r\n")
    assert len(lines) == len(wanted), "not one line for each row, ended as the client expects"
    assert answer.body == client_of_2009.reply, "a line is not as the client has always got it"
    kind = answer.header("content-type").replace(" ", "").lower()
    assert kind == "text/csv;charset=iso-8859-1", "the reply has another content type than always"
    other = street.ask(port, "POST", "/score.csv", b"PAKKE;DEPOT\r\n1;AB\r\n")
    assert other.status == 400, "a file with other columns was not refused with 400"


@check(points=2, observes="cloud")
def batch_is_resumed_and_never_repeated(street, month, rng):
    """Killed four times, the batch ends with every answer, and no part is worked on twice."""
    place, folder = "s3://larkmoor-batch/month/", "month/"
    for name, rows in month.items():
        street.put("larkmoor-batch", f"{folder}in/{name}.csv", street.part(rows).encode())
    kills = [("put", 2, False), ("put", 1, True), ("put", int(rng.integers(1, 3)), True)]
    for kind, nth, applied in kills:
        street.live("batch.py", place, kill=street.kill(kind, nth, applied))
        assert "_SUCCESS" not in street.keys(f"{folder}out/"), (
            "a batch that was killed half-way says that it is done"
        )
    street.live("batch.py", place, kill=street.kill("mark", 1, False))
    assert street.stored(folder) == len(month), "_SUCCESS was written before a part"
    ended = street.live("batch.py", place)
    assert ended == 0, "started after the last kill, the batch did not end with 0"
    names = {f"{name}.jsonl" for name in month} | {"_SUCCESS"}
    found = set(street.keys(f"{folder}out/"))
    assert found == names, "out/ does not hold one object for each part, and the mark"
    for name, rows in month.items():
        wanted = [street.line(row) for row in rows]
        assert street.same(street.rows(f"{folder}out/{name}.jsonl"), wanted), (
            "a part does not hold one right answer for each row, in order"
        )
    assert not street.way.again, (
        "a part that had its answers was read again. What is in out/ when the job starts?"
    )
    assert not street.asked_again, "within one run the board was asked the same question again"
    seen = len(street.way.seen)
    ended = street.live("batch.py", place)
    assert ended == 0, "a finished batch, started again, did not end with 0"
    assert not {"put", "mark"} & set(street.way.seen[seen:]), (
        "a finished batch, started again, wrote something"
    )


@check(points=3, observes="returned")
def right_form_at_its_price(work, more_workloads, other_prices, judge_of_forms):
    """For sixteen workloads: the right form, each form's price within 5 %, the volume at which the
    service overtakes the function within 10 %.
    """
    quote = work.module("forms").quote
    for load in more_workloads:
        found, wanted = quote(load, other_prices), judge_of_forms(load, other_prices)
        assert set(found["monthly"]) == set(wanted.monthly), "monthly does not name the four forms"
        for form, cost in wanted.monthly.items():
            mine = found["monthly"][form]
            assert (mine is None) == (cost is None), (
                "a form that is too slow has a price, or one that is quick enough has none"
            )
            assert cost is None or abs(mine - cost) <= 0.05 * cost, (
                "a form's price is more than 5 % off. Which line of its bill is it?"
            )
        assert found["form"] == wanted.form, "the form is not the cheapest that is quick enough"
        cross = found["break_even"]
        assert (cross is None) == (wanted.cross is None), (
            "there is a volume from which the service is cheaper, or there is none: not as you say"
        )
        assert cross is None or abs(cross - wanted.cross) <= 0.1 * wanted.cross, (
            "the break-even volume is more than 10 % off. What grows with the volume besides calls?"
        )


def event(body, packed=False):
    """Return what API Gateway's HTTP API hands to a function."""
    text = base64.b64encode(body.encode()).decode() if packed else body
    return {
        "version": "2.0", "routeKey": "POST /v1/score", "rawPath": "/v1/score",
        "headers": {"content-type": "application/json"}, "body": text, "isBase64Encoded": packed,
        "requestContext": {"http": {"method": "POST", "path": "/v1/score"}},
    }  # fmt: skip
