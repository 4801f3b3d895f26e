"""A chat in a real browser behind `benchtui serve`, from Home: ten turns, cancelled, edited, resized; a blind vote."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchtui.runs.records import read_done
from tests.e2e.browser import Browser, needs_browser, served_application
from tests.e2e.chat.kept import conversation, newest, of_turn, waited
from tests.e2e.chat.scripted import BASE, TUNED, Place, make_place

pytestmark = [pytest.mark.slow, needs_browser]
CANCELLED_WITHIN = 0.2


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path)


@pytest.fixture
def browser(place: Place) -> Iterator[Browser]:
    (place.root / "benchtui.toml").write_text('[run]\ndevice = "cpu"\noffline = true\n')
    with served_application(place.root, ("--outputs", place.outputs)) as url:
        browser = Browser(place.root)
        try:
            browser.open(url)
            yield browser
        finally:
            browser.close()


def say(browser: Browser, place: Place, text: str) -> list[str]:
    """Send a message; what both have answered, the tuned model first."""
    browser.type(text)
    browser.press("Enter")
    waited(lambda: len(found := of_turn(newest(place), text)) == 2 and all(one.over for one in found))
    return [one.text for one in of_turn(newest(place), text)]


def test_a_chat_and_a_vote_from_home(browser: Browser, place: Place) -> None:
    browser.wait_for("counts")
    browser.press("c")
    browser.wait_for("Who shall answer?")
    browser.press("Enter")
    browser.wait_for("Write to the models")
    waited(lambda: (place.model / "chats").is_dir())
    for number in range(1, 9):
        assert set(say(browser, place, f"{number}: tell short")) == {TUNED["short"].text, BASE["short"].text}
        if number == 4:
            browser.resize(700, 500)
    title = browser.title()
    assert say(browser, place, "9: tell hostile") == [BASE["hostile"].text] * 2
    browser.wait_for("finish")
    assert browser.title() == title
    cancel(browser, place, "10: tell long")
    browser.resize(1200, 800)

    browser.press("Escape")
    browser.wait_for("Edit")
    browser.press("e")
    browser.wait_for("Another message in its place")
    browser.type("!")
    browser.press("Enter")
    browser.wait_for("branch 2 of 2")
    run = newest(place)
    waited(lambda: len(of_turn(run, "10: tell long!")) == 2)
    turns = {turn.text: turn.after for turn in conversation(run).turns.values()}
    assert turns["10: tell long!"] == turns["10: tell long"]
    waited(lambda: all(one.over for one in of_turn(run, "10: tell long!")))

    browser.press("Escape")
    time.sleep(0.3)
    browser.press("Escape")
    waited(lambda: (done := read_done(run)) is not None and done.status == "finished")
    vote(browser, place)


def cancel(browser: Browser, place: Place, text: str) -> None:
    """Stop both answers while they are written."""
    browser.type(text)
    browser.press("Enter")
    run = newest(place)
    waited(lambda: len(found := of_turn(run, text)) == 2 and all(len(one.tokens) > 5 for one in found))
    browser.press("Escape")
    asked = time.time()
    waited(lambda: all(one.over for one in of_turn(run, text)))
    for answer in of_turn(run, text):
        assert answer.ended is not None
        assert answer.state == "cancelled"
        assert answer.ended.t - asked < CANCELLED_WITHIN


def vote(browser: Browser, place: Place) -> None:
    """Vote on the unnamed answers to one prompt."""
    before = newest(place)
    browser.press("v")
    waited(lambda: newest(place) != before)
    browser.wait_for("Write a prompt for both models")
    browser.type("tell short")
    browser.press("Enter")
    run = newest(place)
    waited(lambda: len(found := of_turn(run, "tell short")) == 2 and all(one.over for one in found))
    time.sleep(1)  # a vote on answers that were not seen is not taken
    browser.press("1")
    waited(lambda: len(conversation(run).votes) == 1)
