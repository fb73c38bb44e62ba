"""The page as a person meets it: Chromium, driven by Playwright, through `pgen serve`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import pgen
from tests.e2e.serving.browser import CHROMIUM, DESKTOP, PHONE, Watched, serving, visitor
from tests.e2e.serving.views import (
    api,
    check_access,
    check_placeholders,
    check_result_is_in_sight,
    check_view,
    draw_morph,
    follow_suggestion,
    make_line,
    make_pokemon,
    pixels_of,
    read_about,
    shows,
    status,
)

pytest.importorskip("uvicorn", reason="needs the extra serve")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium")

KEY = "the key of the test"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving("--threads", 1) as served:
        yield served


@contextmanager
def holding(page: Any, pattern: str) -> Iterator[list[Any]]:
    """Keep requests from the server until they are let go."""
    held: list[Any] = []
    page.route(pattern, lambda route: held.append(route))
    yield held
    page.unroute_all(behavior="ignoreErrors")
    for route in held:
        with suppress(api.Error):  # one that was let go, or that the page gave up
            route.abort()


def test_every_view_works_in_one_visit(anyone: Watched) -> None:
    page = anyone.page
    anyone.open()
    check_access(page)

    page.get_by_role("button", name="a small blue turtle").click()
    shows(page, "draw", "8 pictures of “a small blue turtle”")
    pictures = page.get_by_role("img", name="Generated picture of “a small blue turtle”, seed")
    api.expect(pictures).to_have_count(8)
    check_view(anyone)

    draw_morph(anyone, 5)
    make_pokemon(anyone)
    make_line(anyone)
    read_about(anyone)

    page.get_by_role("tab", name="Draw").click()
    api.expect(pictures).to_have_count(8)  # as it was left
    assert anyone.elsewhere == []
    assert anyone.faults == []


def test_page_works_with_the_keyboard_alone(desktop: Watched) -> None:
    page = desktop.page
    desktop.open()
    page.keyboard.press("Tab")
    api.expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Tab")
    api.expect(page.get_by_role("tab", name="Draw")).to_be_focused()
    for name in ("Morph", "Fuse", "New Pokémon", "About", "Draw", "Morph"):
        page.keyboard.press("ArrowRight")
        api.expect(page.get_by_role("tab", name=name)).to_be_focused()
    api.expect(page.get_by_role("tabpanel", name="Draw")).to_be_visible()  # until it is chosen
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    api.expect(page.get_by_role("button", name="Dark mode")).to_be_focused()
    page.keyboard.press("Tab")
    api.expect(page.get_by_role("tabpanel", name="Draw")).to_be_focused()
    page.keyboard.press("Tab")
    api.expect(page.get_by_label("A name or a sentence")).to_be_focused()
    page.keyboard.type("Mew")
    page.keyboard.press("Enter")
    shows(page, "draw", "8 pictures of “Mew”")
    seen = set()
    for _ in range(60):  # and out again at the end: no trap
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.textContent"))
    assert {"Draw", "Surprise me", "Copy link", "Download seed 7", "More like this seed 7"} <= seen
    assert "API description (OpenAPI)" in seen
    assert desktop.faults == []


def test_looks_are_requested_in_every_view(desktop: Watched) -> None:
    page = desktop.page
    desktop.open("#draw?prompt=Mew&seed=5&n=1&colors=Muk&shiny=true")
    shows(page, "draw", "1 picture of “Mew”")
    assert desktop.drawn() == ["v1/images?prompt=Mew&seed=5&shiny=true&colors=Muk"]
    link = page.get_by_role("link", name="Download seed 5")
    assert link.get_attribute("download") == "mew_5_shiny_in-muk.png"
    with page.expect_request("**/v1/sprite") as sent:
        page.get_by_role("button", name="Sprite").click()
    assert sent.value.post_data_json == {"prompt": "Mew", "seed": 5, "colors": "Muk"}
    for view, query in (("fuse", "first=Mew&second=Muk"), ("new", "n=1")):
        with page.expect_request("**/v1/dex" if view == "new" else "**/v1/fuse") as sent:
            desktop.open(f"#{view}?{query}&seed=1&shiny=true")
        assert sent.value.post_data_json["shiny"] is True
        api.expect(page.locator(f"#view-{view} img")).not_to_have_count(0)
    assert desktop.faults == []


def test_the_first_picture_comes_before_the_others_are_asked_for(desktop: Watched) -> None:
    page = desktop.page
    with holding(page, "**/v1/images?*seed=5") as held:
        desktop.open("#draw?prompt=Mew&seed=5&n=4")
        api.expect(page.locator(".waiting")).to_have_count(4)
        page.wait_for_timeout(300)
        assert desktop.drawn() == ["v1/images?prompt=Mew&seed=5"]
        held[0].continue_()
        shows(page, "draw", "4 pictures of “Mew”")
    assert len(desktop.drawn()) == 4


def test_pictures_are_those_of_the_command(desktop: Watched, tmp_path: Path) -> None:
    page = desktop.page
    desktop.open("#draw?prompt=Mew&seed=7&n=2")
    with page.expect_download() as saving:
        page.get_by_role("link", name="Download seed 8").click()
    assert saving.value.suggested_filename == "mew_8.png"
    saving.value.save_as(tmp_path / "mew.png")
    drawn = pgen.load(device="cpu", threads=1).images("Mew", seed=8)[0].astype(int)
    difference = np.abs(np.asarray(Image.open(tmp_path / "mew.png")).astype(int) - drawn)
    assert difference.mean() < 1  # batches of two sizes may round differently


def test_more_like_this_and_back(desktop: Watched) -> None:
    page = desktop.page
    desktop.open("#draw?prompt=Mew&seed=7&n=2")
    shows(page, "draw", "2 pictures")
    page.get_by_role("button", name="More like this seed 7").click()
    api.expect(page.get_by_role("heading", name="Mew seeds 9 to 10")).to_be_visible()
    api.expect(status(page, "draw")).to_be_focused()  # the button has gone
    shows(page, "draw", "2 pictures")
    page.get_by_role("link", name="seed 10 this picture alone").click()
    shows(page, "draw", "1 picture of “Mew”")
    page.get_by_role("button", name="More like this").click()
    api.expect(page.get_by_role("heading", name="Mew seeds 11 to 18")).to_be_visible()
    for seeds in ("seed 10", "seeds 9 to 10", "seeds 7 to 8"):
        page.go_back()
        api.expect(page.get_by_role("heading", name=f"Mew {seeds}")).to_be_visible()
    assert page.locator("#draw-seed").input_value() == "7"


def test_misspelled_name_is_suggested_as_a_link(anyone: Watched) -> None:
    follow_suggestion(anyone)
    assert anyone.faults == []


def test_result_of_a_link_is_in_sight(anyone: Watched) -> None:
    check_result_is_in_sight(anyone)


def test_placeholders_fit_their_fields(desktop: Watched) -> None:
    desktop.open()
    check_placeholders(desktop)


LINKS = {
    "draw": "#draw?prompt=a+pink+fairy+cat&seed=3&n=1",
    "morph": "#morph?start=Mew&end=Abra&seed=2&frames=3",
    "new": "#new?type=fire&rarity=legendary&seed=4&n=1",
}


@pytest.mark.parametrize("view", LINKS)
def test_link_shows_the_same_pictures_to_another_visitor(browser: Any, desktop: Watched, view: str) -> None:
    def visit(watched: Watched, hash: str) -> str:
        watched.open(hash)
        api.expect(status(watched.page, view)).to_contain_text(re.compile("first after|frames from|Here is"))
        return pixels_of(watched.page.locator(f"#view-{view} .ground, #view-{view} .portrait").first)

    shown = visit(desktop, LINKS[view])
    desktop.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    desktop.page.locator(f"#view-{view} [data-copy]").click()
    shows(desktop.page, view, "Link copied")
    copied = desktop.page.evaluate("navigator.clipboard.readText()")
    with visitor(browser, desktop.address, PHONE) as other:
        assert visit(other, copied.removeprefix(desktop.address)) == shown


def test_markup_in_prompts_is_text(desktop: Watched) -> None:
    page = desktop.page
    prompt = '<img src=x onerror="document.title=1">&amp;"\'<script>1</script>'
    desktop.open()
    page.get_by_label("A name or a sentence").fill(prompt)
    page.get_by_label("Pictures").fill("1")
    page.keyboard.press("Enter")
    shows(page, "draw", f"1 picture of “{prompt}”")
    assert page.locator("#draw-title .prompt").inner_text() == prompt
    assert page.locator("#gallery img").count() == 1
    page.reload()
    assert page.get_by_label("A name or a sentence").input_value() == prompt
    shows(page, "draw", "1 picture of")
    assert desktop.faults == []


def test_the_slider_moves_through_what_came(desktop: Watched, tmp_path: Path) -> None:
    page = desktop.page
    desktop.open("#morph?start=Charizard&end=Mew&seed=0&frames=6")
    shows(page, "morph", "6 frames from")
    request_count = len(desktop.requests)
    slider, frame = page.get_by_role("slider"), page.locator("#frame")
    first = pixels_of(frame)
    slider.focus()
    page.keyboard.press("End")
    assert slider.get_attribute("aria-valuetext") == "Frame 6 of 6, 100 % of the way from Charizard to Mew"
    assert pixels_of(frame) != first
    page.get_by_role("button", name="Play").click()
    api.expect(slider).to_have_value("3")
    page.get_by_role("button", name="Pause").click()
    page.keyboard.press("Tab")
    assert not [url for url in desktop.requests[request_count:] if not url.startswith("data:")]
    with page.expect_download() as saving:
        page.get_by_role("button", name="Download GIF").click()
    assert saving.value.suggested_filename == "charizard-to-mew_0.gif"
    saving.value.save_as(tmp_path / "film.gif")
    with Image.open(tmp_path / "film.gif") as film:
        durations = [film.seek(number) or film.info["duration"] for number in range(film.n_frames)]
    # Equal frames in succession are stored once, for as long as all of them show.
    assert len(durations) > 1
    assert sum(durations) == pytest.approx(6 * 1000 / 24, abs=30)


def test_a_whole_card(desktop: Watched, tmp_path: Path) -> None:
    page = desktop.page
    desktop.open("#new?type=&rarity=&seed=12&n=2")
    shows(page, "new", "Here are")
    entries = pgen.load(device="cpu", threads=1).dex(2, seed=12)
    for card, entry in zip(page.get_by_role("article").all(), entries, strict=True):
        assert card.get_by_role("heading").inner_text() == entry.words.name
        assert entry.words.description in card.inner_text()
        numbers = card.get_by_role("row").get_by_role("cell").all_inner_texts()
        shown = [int(number) for number in numbers if number]
        assert shown == [*entry.row.stats.values(), entry.row.total]
        widths = card.locator(".fill").evaluate_all("bars => bars.map((bar) => bar.offsetWidth)")
        assert np.argmax(widths) == np.argmax([*entry.row.stats.values()])
        with page.expect_download() as saving:
            card.get_by_role("link", name="Download card").click()
        saving.value.save_as(tmp_path / "card.png")
        with Image.open(tmp_path / "card.png") as drawn:
            assert drawn.size == (1000, 1400)


def test_page_names_invalid_values(desktop: Watched) -> None:
    page = desktop.page
    desktop.open("#draw?prompt=Mew&seed=-1&n=3")
    shows(page, "draw", "First seed: ")
    desktop.open("#draw?prompt=Mew&seed=some&n=3")
    shows(page, "draw", "First seed: invalid value “some”.")
    desktop.open("#new?type=plastic&seed=0&n=1")
    shows(page, "new", "Type: invalid value “plastic”.")
    assert desktop.drawn() == []
    desktop.open("#morph?start=Mew&end=Mew&seed=0&frames=3")
    shows(page, "morph", "both ends are the same picture")
    desktop.open("#draw?prompt=Mew&seed=0&n=1")
    shows(page, "draw", "1 picture")
    page.context.set_offline(True)
    desktop.open("#draw?prompt=Abra&seed=0&n=1")
    shows(page, "draw", "The server cannot be reached")
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    shows(page, "draw", "1 picture of “Abra”")
    api.expect(page.get_by_role("button", name="Try again")).to_be_hidden()


def test_a_busy_server_is_asked_again(desktop: Watched) -> None:
    page = desktop.page
    busy = {"status": 429, "headers": {"Retry-After": "1"}, "json": {"error": {"message": "the queue is full"}}}
    page.route("**/v1/images?*", lambda route: route.fulfill(**busy), times=1)
    desktop.open("#draw?prompt=Mew&seed=0&n=1")
    shows(page, "draw", "The server is busy; retrying in 1 s.")
    shows(page, "draw", "1 picture of “Mew”")


def test_page_shows_only_the_latest_request(desktop: Watched) -> None:
    page = desktop.page
    with holding(page, "**/v1/images?prompt=Abra*"):
        desktop.open("#draw?prompt=Abra&seed=0&n=2")
        api.expect(page.locator(".waiting")).to_have_count(2)
        desktop.open("#draw?prompt=Mew&seed=0&n=2")
        shows(page, "draw", "2 pictures of “Mew”")
    assert page.get_by_role("img", name="Abra").count() == 0


def test_the_chosen_colors_last(desktop: Watched) -> None:
    page = desktop.page
    ground = "getComputedStyle(document.body).backgroundColor"
    desktop.open()
    light = page.evaluate(ground)
    page.get_by_role("button", name="Dark mode").click()
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
    assert page.get_by_role("button", name="Dark mode").get_attribute("aria-pressed") == "true"


def test_reduced_motion_disables_animation(desktop: Watched) -> None:
    page = desktop.page
    page.emulate_media(reduced_motion="reduce")
    with holding(page, "**/v1/images?*"):
        desktop.open("#draw?prompt=Mew&seed=0&n=1")
        tile = page.locator(".waiting .ground")
        api.expect(tile).to_be_visible()
        assert tile.evaluate("tile => getComputedStyle(tile).animationName") == "none"


def test_page_asks_for_the_api_key(browser: Any) -> None:
    with serving("--threads", 1, "--api-key", POKEGAN_API_KEY=KEY) as address:
        with visitor(browser, address, DESKTOP) as watched:
            page = watched.page
            watched.open("#draw?prompt=Mew&seed=0&n=2")
            dialog = page.get_by_role("dialog", name="API key required")
            for entered in ("another", KEY):
                api.expect(dialog).to_be_visible()
                check_access(page)
                page.get_by_role("textbox", name="API key").fill(entered)
                page.keyboard.press("Enter")
            shows(page, "draw", "2 pictures of “Mew”")
            assert page.evaluate("sessionStorage.getItem('key')") == KEY
            assert KEY not in str(page.evaluate("[{...localStorage}, document.cookie, location.href]"))
            assert not [url for url in watched.requests if KEY in url or "key=" in url]
        with visitor(browser, address, DESKTOP) as watched:
            watched.open("#draw?prompt=Mew&seed=0&n=2")
            watched.page.get_by_role("button", name="Cancel").click()
            shows(watched.page, "draw", "This server requires an API key.")
