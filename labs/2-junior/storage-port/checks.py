"""One port over three clouds: the fourteen lines of its table, and where the port leaks."""

from statistics import mean

from autograder import check

LONGEST = 7 * 24 * 3600  # as port.py has it
FAULTS = (("throttle", None), ("error", 500), ("error", 503), ("drop", None), ("body", None))
KINDS = ("read", "write", "tag", "names", "remove")


@check(points=0, observes="cloud")
def s3_is_the_pattern(s3, camera, draw):
    """The worked store over S3 keeps, lists and decides as the table says."""
    keeps_what_it_is_given(s3, s3.store(), draw)
    carries_a_film(s3, camera, draw)
    lists_past_a_page(s3, s3.store(), draw)
    decides_between_writers(s3, s3.store(), draw, races=8)


@check(points=2, observes="cloud")
def azure_keeps_and_lists(azure, camera, draw):
    """Over Azure: bytes, ranges, what is missing, a film in pieces, and eleven pages of names."""
    keeps_what_it_is_given(azure, azure.store(), draw)
    carries_a_film(azure, camera, draw)
    lists_past_a_page(azure, azure.store(), draw)


@check(points=2, observes="cloud", must=True, after="azure_keeps_and_lists")
def azure_lets_one_writer_win(azure, clock, draw):
    """Over Azure: of two writers one wins, in 50 of 50 races, and knows it without the answer."""
    clock.now, store = azure, azure.store()
    decides_between_writers(azure, store, draw, races=50)
    knows_without_the_answer(azure, store, draw)


@check(points=2, observes="cloud")
def google_keeps_and_lists(google, camera, draw):
    """Over Google: bytes, ranges, what is missing, a film in pieces, and eleven pages of names."""
    keeps_what_it_is_given(google, google.store(), draw)
    carries_a_film(google, camera, draw)
    lists_past_a_page(google, google.store(), draw)


@check(points=2, observes="cloud", must=True, after="google_keeps_and_lists")
def google_lets_one_writer_win(google, clock, draw):
    """Over Google: of two writers one wins, in 50 of 50 races, and knows it without the answer."""
    clock.now, store = google, google.store()
    decides_between_writers(google, store, draw, races=50)
    knows_without_the_answer(google, store, draw)


@check(points=2, observes="wire", must=True)
def a_link_opens_one_thing(clouds, draw):
    """A signed link reads its object until it expires, and no other object, and writes nothing."""
    for who in ("S3", "Azure", "Google"):
        cloud, store = clouds[who], clouds[who].store()
        name, other = draw.odd_names()[:2]
        seconds = int(draw.rng.integers(300, 3000))
        cloud.put(name, b"to read")
        cloud.put(other, b"not to read")
        link = cloud.link(store, name, seconds)
        assert cloud.fetch(link) == (200, b"to read"), f"{who}: the link does not read its object"
        assert cloud.fetch(link, name=name, other=other)[0] >= 400, (
            f"{who}: the link opens another object, too. For what is it signed?"
        )
        for method in ("PUT", "DELETE"):
            assert cloud.fetch(link, method)[0] >= 400, (
                f"{who}: whoever has the link can change the object. Who asked for that?"
            )
        assert cloud.get(name) == b"to read", f"{who}: the object was changed through its link"
        assert cloud.only_reads(link), (
            f"{who}: the link says that it may do more than read. Which letters stand in `sp`?"
        )
        cloud.drop(name)
        assert cloud.fetch(link, "PUT")[0] >= 400, (
            f"{who}: the object is gone, and whoever has the link can make another. Who asked?"
        )
        cloud.put(name, b"to read")
        young, old = cloud.link_is_old(link, seconds)
        assert young == 200, f"{who}: the link ends before its time. Whose seconds count?"
        assert old >= 400, f"{who}: the link lives longer than it was asked to"
        assert cloud.says(store.link, name, LONGEST + 1) == "Wrong", (
            f"{who}: a link for more than seven days. Which of the three would honour it?"
        )


@check(points=3, observes="cloud", must=True)
def all_three_outlast_a_bad_night(clouds, clock, camera, draw):
    """With one call in three failing, 144 operations end right; what is refused is asked once."""
    pauses = []
    for who in ("S3", "Azure", "Google"):
        cloud = clock.now = clouds[who]
        store = cloud.store()
        for deed in draw.deeds(48):
            wrong = cloud.endures(store, deed)
            assert not wrong, (  # lint: fixed-message because they are our words
                f"{who}: {wrong}. Could it have ended well?"
            )
            assert cloud.waited(), (  # lint: fixed-message because they are our words
                f"{who}: {deed.met()} was asked again without a pause of yours. Who asked?"
            )
            pauses.append(cloud.waits())
        for number, kind in enumerate(KINDS):
            for fault, status in FAULTS if kind == "read" else (FAULTS[number % 3], FAULTS[3]):
                wrong = cloud.gives_up(store, kind, fault, status)
                assert not wrong, (  # lint: fixed-message because they are our words
                    f"{who}: {wrong}. Four tries, then Busy: who counts?"
                )
                assert cloud.waited(), (  # lint: fixed-message because they are our words
                    f"{who}: {kind}, never answered, was asked without a pause of yours. Who asked?"
                )
                pauses.append(cloud.waits())
        sends_under_fire(who, cloud, camera, draw)
        assert cloud.learns_that_it_won(store, draw, "create"), (
            f"{who}: a write was done, its answer lost, and its writer was told that it lost"
        )
        for kind in ("write", "remove"):
            wrong = cloud.refused_once(kind)
            assert not wrong, (  # lint: fixed-message because they are our words
                f"{who}: {wrong}. Is that Refused, and at once?"
            )
        for kind in ("read", "write", "names", "remove"):  # no tag: boto3 asks after HEAD's 400
            wrong = cloud.wrong_once(store, kind)
            assert not wrong, (  # lint: fixed-message because they are our words
                f"{who}: {wrong}. Is that Wrong, and at once?"
            )
    first, second, third = ([one[n] for one in pauses if len(one) > n] for n in (0, 1, 2))
    for alike in (first, second, third):
        assert max(alike) - min(alike) > 0.1 * mean(alike), (
            "the pauses are alike: those who failed together come back together"
        )
    assert min(seconds for one in pauses for seconds in one) > 0, (
        "a pause of no time at all, or of less, is none"
    )
    assert mean(third) > 1.5 * mean(first), (
        "the pauses do not grow: what is overloaded now will be in a moment"
    )
    assert mean(first) < 1, "more than a second before the second try is long"


@check(points=2, observes="artifact")
def knows_where_the_port_leaks(clouds, leaks):
    """The table of leaks says of each cloud what that cloud does."""
    truth = {who: cloud.truth() for who, cloud in clouds.items()}
    for who in ("S3", "Azure", "Google"):
        for deed in (
            "remove_missing", "missing_error", "create_refused", "replace_removed", "tag_is_md5",
            "same_bytes_same_tag", "metadata_name", "full_container", "throttled",
        ):  # fmt: skip
            assert leaks.says(deed, who) == truth[who].pop(deed), (
                f"{who} does otherwise: {deed}. Which call would show it?"
            )
        assert not truth[who], "a leak was left out"


# --- the table: reading and writing ----------------------------------------------------------


def keeps_what_it_is_given(cloud, store, draw):
    """Lines 1 to 3: bytes and names, ranges, what is not there."""
    written = {name: draw.bytes(int(draw.rng.integers(20, 400))) for name in draw.odd_names()}
    written[f"{draw.night}/empty"] = b""
    tags = {name: store.write(name, data) for name, data in written.items()}
    for name, data in written.items():
        assert cloud.get(name) == data, "what lies there is not what was written"
        assert store.read(name) == data, "what is read is not what was written"
        assert store.tag(name) == tags[name], "write and tag tell different tags"
    name = next(iter(written))
    assert store.write(name, b"another") != tags[name], "other bytes, the same tag"
    assert store.read(name) == b"another", "a second write does not replace"

    data = draw.bytes(1000)
    store.write("ranges", data)
    for start, length in ((0, 1), (0, 10), (37, 1), (37, 500), (990, 500), (999, None), (37, None)):
        end = None if length is None else start + length
        assert store.read("ranges", start, length) == data[start:end], (
            "a range has other bytes. Is its end the last byte, or the one after?"
        )
    for start, length in ((1000, 7), (1000, None), (1200, 7), (0, 0), (37, 0)):
        assert cloud.ended(store.read, "ranges", start, length) == b"", (
            "a range with nothing in it is no error, and no more than nothing"
        )
    cloud.put("wide", data * 100)
    cloud.forget()
    assert store.read("wide", 7_000, 500) == (data * 100)[7_000:7_500], "a range has other bytes"
    assert sum(call.got for call in cloud.calls()) < 5_000, (
        "500 bytes were asked for, and thousands came. Who cuts the range out?"
    )

    for call in (store.read, store.tag):
        assert cloud.says(call, "nothing/here") == "Missing", (
            "missing: the wrong port error, or none"
        )
    store.remove(name)
    assert cloud.get(name) is None, "what was removed is still there"
    assert cloud.says(store.remove, name) == "", "it was not there, and that is well"
    assert cloud.says(store.read, name) == "Missing", "removed: the wrong port error, or none"


def carries_a_film(cloud, camera, draw):
    """Line 4: a large object goes in pieces, and half of it is nothing."""
    name = f"{draw.night}/gate.film"
    camera.film(cloud, name, 18)
    assert camera.arrived(), "the film that arrived is not the one that was sent"
    assert camera.ahead <= 12 << 20, (
        "more than 12 MiB were read before they were sent. Who holds them?"
    )
    assert max(call.sent for call in cloud.calls()) <= 6 << 20, (
        "one request carries more than a piece"
    )
    with cloud.watch(cloud.other_sender(name)):
        camera.film(cloud, name, 6)
    assert camera.arrived(), (
        "two sent under one name at once, and the film that lies there has pieces of both."
        " Whose is piece 1?"
    )
    camera.film(cloud, f"{name}.none", 0)
    assert camera.arrived(), "a film without a chunk is an empty object"
    camera.film(cloud, f"{name}.half", 9, breaks_after=7)
    assert cloud.get(f"{name}.half") is None, (
        "the camera broke down, and half a film looks like a whole one"
    )


def sends_under_fire(who, cloud, camera, draw):
    """Lines 4 and 13: a film whose every second request fails arrives; one that cannot, says so."""
    for fault, more in (("throttle", {}), ("drop", {"when": "before"})):
        wrong = camera.endures(cloud, f"{draw.night}/{fault}.film", 6, fault, every=2, **more)
        assert not wrong, (  # lint: fixed-message because they are our words
            f"{who}: {wrong}. Is a piece asked again as everything else is?"
        )
        assert cloud.waited(), (  # lint: fixed-message because they are our words
            f"{who}: a piece of a film was sent again without a pause of yours. Who asked?"
        )
    wrong = camera.gives_up(cloud, f"{draw.night}/never.film")
    assert not wrong, (  # lint: fixed-message because they are our words
        f"{who}: {wrong}. Is a film told in the port's words?"
    )


# --- the table: listing ----------------------------------------------------------------------


def lists_past_a_page(cloud, store, draw):
    """Lines 6 to 8: all pages, none twice, in order; a prefix; no call before it is needed."""
    names = draw.names(55)
    for name in names:
        cloud.put(name, b"")
    cloud.put(f"{draw.night}/list", b"")
    cloud.put(f"{draw.night}/lists/x", b"")
    cloud.forget()
    found = cloud.first(store.names(f"{draw.night}/list/", page=5), 200)
    assert len(found) >= 55, "some names are missing. What ends a list?"
    assert len(set(found)) == len(found) == 55, "names too many, or some twice"
    assert found == sorted(names, key=str.encode), "not in the order of their bytes"
    assert len(cloud.calls(cloud.lists)) == 11, (
        "55 names in pages of 5 are 11 list calls, and these were not"
    )
    assert cloud.first(store.names("none/"), 5) == [], "names where there are none"
    beside = [f"{draw.night}/list", f"{draw.night}/lists/x"]
    assert cloud.first(store.names(f"{draw.night}/li"), 200) == sorted(
        [*names, *beside], key=str.encode
    ), "a prefix may end in the middle of a word. What do names have to do with slashes?"
    cloud.page, cloud.short = 2, 3
    assert cloud.first(store.names(f"{draw.night}/list/", page=20), 200) == found, (
        "a page came that was short, with a token for the next. What ends a list?"
    )
    cloud.forget()
    assert cloud.first(store.names(f"{draw.night}/list/", page=5), 8) == found[:8], (
        "the first names of a list are others than before"
    )
    assert len(cloud.calls(cloud.lists)) == 2, (
        "8 names in pages of 5 are 2 calls; somebody pays for each of the others"
    )


# --- the table: conditional writes -----------------------------------------------------------


def decides_between_writers(cloud, store, draw, races):
    """Lines 9 to 11: create only, replace only, races."""
    assert store.write("new", b"first", if_absent=True), "a first write was refused"
    assert cloud.says(store.write, "new", b"second", if_absent=True) == "Changed", (
        "created twice: the wrong port error, or none"
    )
    assert cloud.get("new") == b"first", "'only if absent' replaced what was there"
    old = store.tag("new")
    newer = store.write("new", b"second", if_tag=old)
    assert newer == store.tag("new") != old, "a replacement tells an old tag"
    assert cloud.says(store.write, "new", b"third", if_tag=old) == "Changed", (
        "replaced by an old tag: the wrong port error, or none"
    )
    assert cloud.says(store.write, "new", b"third", if_tag="no tag of ours") == "Changed", (
        "replaced by a text that is no tag: the wrong port error, or none"
    )
    assert cloud.get("new") == b"second", "an old tag replaced what was newer"
    store.remove("new")
    assert cloud.says(store.write, "new", b"fourth", if_tag=newer) == "Changed", (
        "what one had read is gone: the wrong port error, or none"
    )
    assert cloud.get("new") is None, "written over nothing, by a tag"

    won = [cloud.race(store, draw, number) for number in range(races)]
    assert won.count("alone") == 0, (
        "a writer that wrote alone asks otherwise than one that had company"
    )
    assert won.count("both") == 0, (
        "both writers were told that they won. What happened between look and write?"
    )
    assert won.count("none") == 0, (
        "a write was done, and its writer was told that it lost"
    )
    assert "torn" not in won, "what lies there is not the winner's"


def knows_without_the_answer(cloud, store, draw):
    """Line 12: a write that was done knows it, and one that came too late, too."""
    for how in ("create", "replace"):
        assert cloud.learns_that_it_won(store, draw, how), (
            "the write was done and its answer lost; the second try met itself"
        )
        assert cloud.learns_that_it_lost(store, draw, how), (
            "the first try got lost, somebody else was quicker, and that went unseen."
            " By what does a write know itself?"
        )
        assert cloud.learns_that_it_lost(store, draw, how, twin=True), (
            "somebody else was quicker, with the same bytes, and a write that was never done took"
            " that for its own. By what does a write know itself?"
        )
    assert cloud.learns_that_it_lost(store, draw, "replace", gone=True), (
        "the first try got lost, and what it was to replace was removed. Is that not Changed?"
    )
