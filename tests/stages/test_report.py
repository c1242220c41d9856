"""The report of a tiny project, read as text and in a browser; and `emocycle listen`."""

import base64
import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from pipeline.audio import preparation
from pipeline.audio.preparation import AudioParams
from pipeline.cli.main import main
from pipeline.core import manifest
from pipeline.core.params import load
from pipeline.report.reproduction import changed_params

OUT = Path("report/index.html")
SECTIONS = "arms emotions speakers confusion curves listen gate quality training corpora audit reproduce".split()
SOURCE = "demo/m01_s1_neutral_medium"
Stage = Callable[..., Result]


@pytest.fixture
def here(reported: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The reported project as current directory; it is only read."""
    monkeypatch.chdir(reported)
    return reported


def listen(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["listen", *arguments])


def finish(stage: Stage, *arms: str) -> None:
    """Run the stages from `augment` on."""
    split = {"scenario": "full", "fold": "1"}
    items: list[tuple[str, dict[str, str]]] = [("classify", {**split, "arm": arm}) for arm in arms]
    items += [("analyse", {}), ("evaluate", {}), ("assess", split), ("tabulate", {}), ("report", {})]
    for name, item in [("augment", split), *items]:
        result = stage(name, **item)
        assert result.exit_code == 0, result.output


def section(page: str, id_: str) -> str:
    return page.partition(f'<section id="{id_}"')[2].partition("</section>")[0]


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def test_the_first_screen_is_the_answer(here: Path) -> None:
    page = OUT.read_text("utf-8")
    first = text(page.partition("<header>")[2].partition("<nav")[0])
    scores = json.loads(Path("metrics/ser.json").read_text())["full"]["cnn"]
    alone, added = (100 * scores[arm]["uar"] for arm in ("none", "cyclegan"))
    assert "One test speaker gives no answer" in first
    assert f"recognises {alone:.1f} % of the test clips if it learns from real clips alone, and {added:.1f} %" in first
    assert "nothing about real speech" in first and "too few speakers (1 of at least 8)" in first
    assert page.count('class="caution"') == 1  # in one piece: cautions have semicolons of their own
    assert re.findall(r'<section id="(\w+)"', page) == SECTIONS
    assert re.findall(r'<a href="#(\w+)">', page) == SECTIONS
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_nothing_is_loaded_from_elsewhere(here: Path) -> None:
    page = OUT.read_text("utf-8")
    links = re.findall(r'(?:src|href|action|data)="([^"]{1,20})', page) + re.findall(r"url\(([^)]{1,20})", page)
    assert {link for link in links if not link.startswith(("data:", "#"))} == set()
    assert set(re.findall(r'"(https?:[^"]*)"', page)) <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "default-src 'none'" in page


def test_players_have_the_prepared_clip(here: Path) -> None:
    page = section(OUT.read_text("utf-8"), "listen")
    players = re.findall(r'aria-label="([^:"]+): ([^"]+)" src="data:audio/flac;base64,([^"]+)"', page)
    clips = manifest.read(Path("data/manifest.parquet"), manifest.CLIPS).set_index("id")
    sources = [(id_, audio) for role, id_, audio in players if role.startswith("source")]
    assert len(sources) == 4 and len(players) == 12  # two pairs, both directions, an example of three clips
    audio = load(Path("params.yaml"), "audio", AudioParams)
    for id_, encoded in sources:
        samples, rate = soundfile.read(io.BytesIO(base64.b64decode(encoded)))
        expected = preparation.prepared(Path(clips.loc[id_, "filepath"]), audio)
        assert rate == audio.sampling_rate
        np.testing.assert_allclose(samples, preparation.peak_limited(expected), atol=2**-15)


def test_sections_have_what_the_files_say(here: Path) -> None:
    page = OUT.read_text("utf-8")
    assert "over folds" in section(page, "arms")
    assert section(page, "confusion").count("<figure>") == 2
    assert "before you pass this page on: demo CC0-1.0." in section(page, "listen")
    assert "mcd_db" in section(page, "quality") and "second_reference" in section(page, "quality")
    assert "CycleGAN: cycle<" in section(page, "training")
    assert "Left out: 0 clips." in section(page, "corpora")
    assert "bfloat16" not in section(page, "reproduce") and "float32" in section(page, "reproduce")


def test_the_same_run_gives_the_same_bytes(
    reported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: Stage
) -> None:
    shutil.copytree(reported, tmp_path, dirs_exist_ok=True)
    before = OUT.read_bytes()
    assert stage("report").exit_code == 0
    assert OUT.read_bytes() == before


def test_sections_without_data_say_so(stage: Stage, params: Callable[..., None]) -> None:
    params({"arms": ["none"], "pairs": [], "conversions": [], "perturbations": [], "augment.headline_arm": "none"})
    params({"classify.classifiers": ["svm"], "evaluate.classifier": "svm", "evaluate.primary.arm": "none"})
    finish(stage, "none")
    page = OUT.read_text("utf-8")
    assert "No augmentation is compared" in page
    for name, words in {
        "curves": "None: they need scenario full",
        "listen": "No training set has generated clips.",
        "gate": "No clip has a score.",
        "quality": "Nothing was converted.",
        "training": "No network was trained.",
    }.items():
        assert words in section(page, name)
        assert "<figure" not in section(page, name) and "<table" not in section(page, name)


def test_clips_from_noise_have_no_source(with_dcgan: Path, tmp_path: Path, stage: Stage, params: Any) -> None:
    shutil.copytree(with_dcgan, tmp_path, dirs_exist_ok=True)
    params({"arms": ["none", "dcgan"], "augment.headline_arm": "dcgan"})
    finish(stage, "none", "dcgan")
    page = OUT.read_text("utf-8")
    assert "generated, angry" in section(page, "listen") and "source, " not in section(page, "listen")
    assert "DC-GAN: discriminator" in section(page, "training")


def test_refused_clips_and_sweeps_are_shown(reported: Path, tmp_path: Path, stage: Stage, params: Any) -> None:
    shutil.copytree(reported, tmp_path, dirs_exist_ok=True)
    params({"augment.gate.keep": "best"})
    assert stage("augment", scenario="full", fold="1").exit_code == 0
    Path("metrics/sweeps").mkdir()
    known = "scenario,classifier,arm,reference"
    rows = "1,full,cnn,cyclegan,none,0.1\n2,full,cnn,cyclegan,none,0.2\n2,full,cnn,cyclegan,classical,9\n"
    Path("metrics/sweeps/augment.mix.ratio.csv").write_text(f"value,{known},gain\n{rows}")
    assert stage("report").exit_code == 0
    page = OUT.read_text("utf-8")
    assert re.search(r"Refused for arm cyclegan: emotion_confidence \d+\.", page)
    assert "last values: cyclegan 20" in section(page, "curves")  # only over none


def test_a_missing_table_is_named(reported: Path, tmp_path: Path, stage: Stage) -> None:
    shutil.copytree(reported, tmp_path, dirs_exist_ok=True)
    Path("data/augmented/full-1/cyclegan.parquet").unlink()
    result = stage("report")
    assert result.exit_code == 1 and "data/augmented/full-1/cyclegan.parquet: not found" in result.output


def test_a_missing_metric_is_named(reported: Path, tmp_path: Path, stage: Stage) -> None:
    shutil.copytree(reported, tmp_path, dirs_exist_ok=True)
    Path("metrics/conversion.csv").unlink()
    result = stage("report")
    assert result.exit_code == 1 and "metrics/conversion.csv: not found" in result.output


def test_changed_params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("params.yaml")
    path.write_text("a: {b: 1, gone: 2}\nlist: [1]\n")
    assert changed_params(path) is None  # not in git
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
    for command in (["init", "-q"], ["add", "params.yaml"], ["commit", "-qm", "x"]):
        subprocess.run([*git, *command], check=True)
    assert changed_params(path) == []
    path.write_text("a: {b: 2e-4}\nlist: [1, x]\n")
    assert changed_params(path) == [("a.b", "1", "0.0002"), ("a.gone", "2", "—"), ("list", "[1]", '[1, "x"]')]


@pytest.mark.parametrize(
    ("arguments", "players", "words"),
    [
        ([], 12, "neutral → sad"),
        (["angry-neutral"], 6, "cyclegan: angry → neutral"),
        (["neutral-angry"], 6, "cyclegan: angry → neutral"),  # in any order
        ([SOURCE], 6, "source, neutral"),
        (["demo/f01_s1_neutral_medium"], 1, "nothing was made from it"),  # of a test speaker
        (["./data/raw/demo/m01/m01_s1_neutral_medium.flac"], 6, "source, neutral"),
        (["/tone.wav"], 1, "in no table of clips"),
    ],
)
def test_listen(here: Path, tmp_path: Path, arguments: list[str], players: int, words: str) -> None:
    out = tmp_path / "page.html"
    soundfile.write(tmp_path / "tone.wav", np.sin(np.arange(8000) / 9), 8000)
    arguments = [f"{tmp_path}{each}" if each == "/tone.wav" else each for each in arguments]
    result = listen(*arguments, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert result.output.strip() == str(out)
    page = out.read_text("utf-8")
    assert page.count("<audio") == players
    assert words in page and "Picture: mel spectrogram" in page
    assert ("demo CC0-1.0" if "demo" in words + page.partition("<audio")[2] else "Its licence is unknown.") in page
    has_numbers = "probability of the wanted emotion" in page
    assert has_numbers == (players > 1) == ("emotion confidence 0." in page)


def test_standard_scores_are_shown_where_they_are_known(
    reported: Path, tmp_path: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(reported, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    path = Path("data/augmented/full-1/cyclegan.parquet")
    rows = manifest.scored(path).assign(dnsmos=lambda rows: 2.5 * rows["is_synthetic"])
    rows = rows.drop(columns=["distillmos", "ge2e_similarity"])
    manifest.write(rows, path, manifest.augmented(["dnsmos"]), "0", **{"refused": "{}"})
    assert stage("report").exit_code == 0
    page = section(OUT.read_text("utf-8"), "listen")
    assert "dnsmos 2.5" in page and "naturalness (predicted MOS)" in page and "distillmos" not in page
    assert listen(SOURCE, "--out", "page.html").exit_code == 0
    assert Path("page.html").read_text("utf-8").count("dnsmos 2.5") == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["angry-neutrl"], "did you mean 'angry-neutral'?"),
        (["demo/m01_s1_neutral_mediu"], f"did you mean '{SOURCE}'?"),
        (["--split", "full-9"], "data/synthetic/full-9/cyclegan"),
    ],
)
def test_listen_names_what_is_wrong(here: Path, arguments: list[str], words: str) -> None:
    result = listen(*arguments)
    assert result.exit_code == 1 and words in result.output


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium without a window."""
    webdriver = pytest.importorskip("selenium.webdriver")
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        pytest.skip("needs chromium and chromedriver; on Debian: apt install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    quiet = ("background-networking", "component-update", "sync", "gpu", "quic")
    for word in ("headless", "no-sandbox", "no-first-run", *(f"disable-{word}" for word in quiet)):
        options.add_argument(f"--{word}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.add_argument("--autoplay-policy=no-user-gesture-required")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


PLAY = """
const done = arguments[0], found = [];
(async () => {
  for (const player of document.querySelectorAll("audio")) {
    player.muted = true;
    await player.play().then(() => found.push(player.duration), (error) => found.push(String(error)));
    player.pause();
  }
  done(found);
})();
"""


def visited(browser: Any, path: Path) -> tuple[list[str], set[str]]:
    """Messages of the console, and requests that are no data in the page, while a page is opened."""
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(path.resolve().as_uri())
    played = browser.execute_async_script(PLAY)
    assert all(isinstance(duration, float) and duration > 0.1 for duration in played), played
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = {event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"}
    outside = {url for url in asked if not url.startswith(("data:", "chrome:")) and url != path.resolve().as_uri()}
    return [entry["message"] for entry in browser.get_log("browser")], outside


def test_in_a_browser_all_clips_play_and_nothing_is_asked_of_the_network(here: Path, browser: Any) -> None:
    assert visited(browser, OUT) == ([], set())
    assert len(browser.find_elements("css selector", "audio[src^='data:audio/flac']")) == 14  # two of them by the gate
    for width in (390, 1280):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width  # no sideways scrolling
    for tag, name in (("audio", "aria-label"), ("[role=img]", "aria-label"), ("table", "aria-label"), ("html", "lang")):
        script = f"return [...document.querySelectorAll('{tag}')].filter(e => !e.getAttribute('{name}'))"
        assert browser.execute_script(script) == []


def test_a_broken_page_is_seen_by_the_browser(here: Path, browser: Any, tmp_path: Path) -> None:
    page = OUT.read_text("utf-8")
    evil = tmp_path / "page.html"
    open_page = page.replace("default-src 'none'; img-src data:", "img-src *")
    evil.write_text(open_page.replace("<main", '<img src="http://127.0.0.1:9/x.png" alt="x"><main'), "utf-8")
    messages, outside = visited(browser, evil)
    assert outside == {"http://127.0.0.1:9/x.png"} and messages
    evil.write_text(re.sub(r'(src="data:audio/flac;base64,)[^"]{40}', r"\1AAAA", page), "utf-8")
    with pytest.raises(AssertionError, match="NotSupportedError"):
        visited(browser, evil)
