"""The tokens of an answer on the screen: what is shown is what the models told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.pilot import Pilot

from benchtui.reports.wording.tokens import number
from benchtui.runs.kinds.chat.events import Candidate, ChatPiece, ChatToken
from screens.app import BenchtuiApp
from screens.chat.beside.token_view import EVERY, ChatTokens
from screens.tokens.text import TokenText
from tests.screens.chat.made_chat import MadeTalk, distribution, two_answers
from tests.screens.conftest import press, settle, shown
from tests.screens.test_hostile import EVIL, harmless


async def _open(pilot: Pilot[int], talk: MadeTalk, answer: int = 1) -> TokenText:
    await settle(pilot)
    pilot.app.push_screen(ChatTokens(talk, answer))
    await _followed(pilot)
    return pilot.app.screen.query_one(TokenText)


async def _followed(pilot: Pilot[int]) -> None:
    await settle(pilot)
    await asyncio.sleep(1.5 * EVERY)
    await settle(pilot)


async def test_each_model_tells_its_five_likeliest_and_the_divergence(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        talk = two_answers(tmp_path)
        text = await _open(pilot, talk)
        tokens = talk.conversation.answers[1].tokens
        text.go_to(2)
        await settle(pilot)
        screen = shown(pilot)
        assert f"Token 3 of {len(tokens)}" in screen
        looked = talk.conversation.looked[1][0]
        for model, one in ((0, tokens[2].top), (1, looked.top[2])):
            words, logprobs = distribution(model, 2, " at")
            for candidate in one:
                assert f'"{candidate.text}"' in screen
                assert candidate.logprob == logprobs[words.index(candidate.text)]
        assert f"JS {number(looked.divergence[2])}" in screen
        assert f"entropy {number(tokens[2].entropy)}" in screen
        assert f"entropy {number(looked.entropy[2])}" in screen


async def test_w_goes_to_where_they_part_and_to_where_the_texts_differ(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        talk = two_answers(tmp_path)
        text = await _open(pilot, talk)
        js = talk.conversation.looked[1][0].divergence
        first = next(at for at, value in enumerate(js) if value >= 0.1)
        differs = 4  # Herons, live, at, the are the same
        screen = shown(pilot)
        assert f"parts at token {first + 1} from tuned (JS {number(js[first])})" in screen
        assert f"texts differ from token {differs + 1}" in screen
        seen = []
        for _ in range(2):
            await press(pilot, "w")
            seen.append(text.cursor)
        assert seen == sorted({first, differs})
        far = [at for at, value in enumerate(js) if value >= 0.1]
        await press(pilot, "home", *["n"] * len(far))
        assert text.cursor == far[-1]
        await press(pilot, "N")
        assert text.cursor == far[-2]


async def test_an_answer_is_followed_while_it_is_written_and_read_when_it_is_over(
    app: BenchtuiApp, tmp_path: Path
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        talk = MadeTalk(tmp_path)
        turn = talk.say("Where?")
        answer = talk.begin(turn, 0)
        text = await _open(pilot, talk, answer)
        assert "Nothing is written yet." in shown(pilot)
        talk.write(answer, "Herons live")
        await _followed(pilot)
        assert "Token 1 of 2" in shown(pilot)
        assert "It reads this answer when it is over." in shown(pilot)
        await press(pilot, "end")
        talk.write(answer, " at the lake.")
        await _followed(pilot)
        assert text.cursor == 1, "the cursor stays"
        assert not talk.conversation.looks, "not read by the others while it is written"
        talk.end(answer)
        await _followed(pilot)
        assert [look.answer for look in talk.conversation.looks.values()] == [answer]
        assert "parts" in shown(pilot)
        await _followed(pilot)
        assert len(talk.conversation.looks) == 1, "asked once"


async def test_colour_shows_entropy_or_the_divergence(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(120, 36)) as pilot:
        talk = two_answers(tmp_path)
        text = await _open(pilot, talk)

        def values() -> list[float]:
            cells = [cell for line in text.layout_shown.lines for cell in line if cell.begins]
            return [cell.piece.value for cell in cells if cell.piece.first >= 0]

        tokens = talk.conversation.answers[1].tokens
        assert values() == [token.entropy for token in tokens]
        await press(pilot, "m")
        assert "JS with tuned" in shown(pilot)
        assert values() == list(talk.conversation.looked[1][0].divergence)
        await press(pilot, "m")
        assert values() == [-(token.logprob or 0) for token in tokens]
        await press(pilot, "right_square_bracket")
        await _followed(pilot)
        assert values() == [token.entropy for token in talk.conversation.answers[2].tokens]


async def test_probabilities_of_a_server_without_entropies(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        talk = MadeTalk(tmp_path, ("served",))
        answer = talk.begin(talk.say("Where?"), 0)
        tops = (Candidate(" sea", -0.2), Candidate(" lake", -2.0))
        talk.tell(ChatPiece(answer=answer, text=" sea", tokens=(ChatToken(-1, " sea", -0.2, None, tops),)))
        talk.end(answer)
        await _open(pilot, talk, answer)
        screen = shown(pilot)
        assert "colour and bars: -ln p of the text" in screen
        assert '" lake"' in screen
        assert "entropy –" in screen


async def test_why_no_numbers_are_known_is_said(app: BenchtuiApp, tmp_path: Path) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        talk = two_answers(tmp_path)
        talk.compares = False
        text = await _open(pilot, talk)
        assert "tuned: Its tokens are others than those of the model." in shown(pilot)
        silent = talk.answer(1, 1, "No tokens.", known=False)
        await press(pilot, "right_square_bracket", "right_square_bracket")
        await _followed(pilot)
        assert "try 2 of 2" in shown(pilot), silent
        assert "No tokens are known of this answer." in shown(pilot)
        assert not text.layout_shown.tokens


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_hostile_tokens_are_harmless(app: BenchtuiApp, tmp_path: Path, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        talk = MadeTalk(tmp_path, (EVIL, "[b]tuned[/]", "third", "fourth"))
        turn = talk.say(EVIL)
        answer = talk.begin(turn, 0, begin=EVIL)
        parts = ["\x1b[2J", "[bold red]", "\u202e", "مرحبا", "⟨F0⟩", "⟨9F 94 A5⟩", "\x07", "", "\n", "e", "\u0301"]
        top = tuple(Candidate(part, -1.0) for part in parts[:5])
        tokens = tuple(ChatToken(n, part, -1.0, 1.0, top) for n, part in enumerate(parts))
        talk.tell(ChatPiece(answer=answer, text="🔥", tokens=tokens))
        talk.end(answer)
        await _open(pilot, talk, answer)
        assert "🔥" in shown(pilot)
        assert "[bold red]" in shown(pilot), "markup is text"
        for key in ("right", "right", "down", "end", "m", "w", "n", "N", "left_square_bracket", "l", "c"):
            await press(pilot, key)
            harmless(shown(pilot))
        assert "evil" in app.clipboard
        harmless(app.clipboard)
