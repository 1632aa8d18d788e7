"""The pages of every command in a browser: at any width, light and dark, by keyboard, without scripts.

One browser and one run of each command for all of it: making pages costs more than looking at them.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, sync_playwright
from tests.e2e.conftest import Flakeproof
from tests.integration.history.reports import import_into, junit
from tests.tools import missing, needed

from flakeproof_worker.system.namespace import possible

_PATIENCE = 300_000
"""Milliseconds that the browser has for anything: a busy machine is no finding."""
_WIDTHS = (360, 800, 1280)
_PAPER = 700
"""Of a sheet of A4, in pixels, without its margins."""
_SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
_HOSTILE_TESTS = (
    "import pytest, random\n"
    "NAMES = ['<script>alert(1)</script>', 'x' * 10000, '\\u202eRTL\\u2066 \\u05e9\\u05dc\\u05d5\\u05dd']\n"
    "NAMES += ['\"onload=\"alert(1)', '{{7*7}}', 'a\\x00\\x1bb']\n"
    "@pytest.mark.parametrize('name', range(len(NAMES)), ids=NAMES)\n"
    "def test_hostile(name):\n"
    "    print('</pre><img src=x onerror=alert(1)>')\n"
    "    if random.random() < 0.5: raise ValueError('</style><script>alert(2)</script>' + NAMES[name])\n"
)
_POLLUTED_TESTS = (
    "import pytest\n"
    "SEEN = []\n"
    "@pytest.mark.parametrize('name', ['<script>alert(3)</script>'])\n"
    "def test_leaves(name): SEEN.append(name)\n"
    "@pytest.mark.parametrize('name', ['<img src=x onerror=alert(4)>'])\n"
    "def test_reads(name): assert SEEN == [], 'only=1 \\u05e9\\u05dc\\u05d5\\u05dd ' + 'y' * 10000\n"
)
_HOSTILE_TARGETS = (
    "import random\n"
    "def fails():\n"
    "    if random.random() < 0.5: raise ValueError('<script>alert(5)</script> \\u202e ' + 'z' * 10000)\n"
    "def passes(): pass\n"
)


@pytest.fixture
def pages(flakeproof: Flakeproof, project: Path) -> dict[str, Path]:
    """A page of each command, about tests with hostile names and messages."""
    for name, text in (
        ("test_hostile.py", _HOSTILE_TESTS),
        ("test_polluted.py", _POLLUTED_TESTS),
        ("hostile.py", _HOSTILE_TARGETS),
    ):
        (project / name).write_text(text)
    victim = "test_polluted.py::test_reads[<img src=x onerror=alert(4)>]"
    asked: dict[str, tuple[str, ...]] = {
        "run": ("-c", "6", "--seed", "1", "test_hostile.py"),
        "compare": ("--seed", "1", "--arm", "base:hostile:fails", "--arm", "fix:hostile:passes"),
        "diagnose": ("--budget", "4s", "--seed", "1", "hostile:fails"),
        "amplify": ("--budget", "5s", "--seed", "1", "hostile:fails"),
        "isolate": (victim,),
        "bisect": ("--good", "HEAD~3", "--bad", "HEAD", "aged:check"),
        "ci": ("--budget", "10s", "--seed", "1", str(_red_job(project))),
        "fdtrace": ("--", "sh", "-c", "true # <script>alert(8)</script>"),
        "wire": ("tcprtt",),
        "history": ("--history", _history(project)),
    }
    if (why := possible("packets")) is not None:
        missing(why)
    needed("strace")
    found = {}
    for command, words in asked.items():
        folder = _repository(project / "repository") if command == "bisect" else project
        found[command] = project / f"{command}.html"
        done = flakeproof(command, "--html", str(found[command]), *words, cwd=folder)
        assert found[command].exists(), done.stderr
    return found


def _red_job(project: Path) -> Path:
    """What pytest has left of the tests that depend on each other."""
    left = project / "left"
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={left / 'junit.xml'}", "test_polluted.py"]
    subprocess.run([sys.executable, *words], cwd=project, capture_output=True, check=False)
    return left


def _history(project: Path) -> str:
    """Of forty jobs: tests with hostile names that are flaky and fail together, one that was broken, a bad day."""
    names = ["<script>alert(9)</script>", "q" * 10_000, "\u202eRTL\u2066 \u05e9\u05dc\u05d5\u05dd", "b"]
    for number in range(40):
        tests = dict.fromkeys([*names, "broken", *(f"quiet{one}" for one in range(30))], "")
        if number % 5 == 1:
            tests |= dict.fromkeys(names[:3], "</style><img src=x onerror=alert(10)>" + "y" * 10_000)
        if 24 <= number < 32:
            tests["broken"] = "gone"
        if number == 7:
            tests |= {name: "no network" for name in tests if name.startswith("quiet")}
        at = f"2026-03-{1 + number // 4:02}T{number % 4:02}:00:00"
        written = {escape(name): escape(message) for name, message in tests.items()}
        text = junit(written, at=at, properties={"commit": f"{number // 2:040x}", "branch": escape("<b>main</b>")})
        (project / f"job{number}.xml").write_text(text)
    place = str(project / "history.db")
    import_into(place, *sorted(project.glob("job*.xml")))
    return place


def _repository(folder: Path) -> Path:
    """Four commits, with one in the middle since which it fails."""
    folder.mkdir()
    git = ["git", "-c", "user.name=<script>alert(6)</script>", "-c", "user.email=a@b.c"]
    subprocess.run([*git, "init", "-q"], cwd=folder, check=True)
    for place, body in enumerate(("pass", "pass", "raise ValueError('no')", "raise ValueError('no')")):
        (folder / "aged.py").write_text(f"def check(): {body}  # {place}\n")
        subprocess.run([*git, "add", "-A"], cwd=folder, check=True)
        title = f"<img src=x onerror=alert(7)> \u05e9\u05dc\u05d5\u05dd {place} {'t' * 2000}"
        subprocess.run([*git, "commit", "-q", "-m", title], cwd=folder, check=True)
    return folder


@contextmanager
def _shown(browser: Browser, path: Path, *, scripts: bool) -> Iterator[tuple[Page, list[str]]]:
    """The page in a new window, and what goes on that must not: requests, dialogs, complaints of the browser."""
    context = browser.new_context(java_script_enabled=scripts)
    context.set_default_timeout(_PATIENCE)
    seen: list[str] = []
    page = context.new_page()
    page.on("request", lambda one: seen.append(one.url) if one.url != path.as_uri() else None)
    page.on("dialog", lambda one: seen.append(one.message))
    page.on("console", lambda one: seen.append(one.text))
    page.on("pageerror", lambda one: seen.append(str(one)))
    page.goto(path.as_uri())
    try:
        yield page, seen
    finally:
        context.close()


_SEEN = """root => {
  const wide = one => one.getBoundingClientRect().right > window.innerWidth + 1 && !one.closest(".scroll");
  const visible = one => one.checkVisibility({visibilityProperty: true});
  return {
    outside: [...root.querySelectorAll("main *")].filter(one => visible(one) && wide(one)).map(one => one.outerHTML),
    scrolls: root.scrollWidth > window.innerWidth,
    drawings: [...root.querySelectorAll("figure svg")].filter(visible).length,
    paper: getComputedStyle(root).backgroundColor,
    answer: root.querySelector("p.verdict strong").innerText,
  };
}"""


def _layout(page: Page) -> Iterator[str]:
    """At every width, light and dark, and printed: all is in the window, each picture once; on paper it is light."""
    root = page.locator("html")
    pictures = page.locator("figure svg").count() // 2
    for width in (*_WIDTHS, _PAPER):
        for scheme in _SCHEMES:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme, media="print" if width == _PAPER else "screen")
            seen = root.evaluate(_SEEN)
            where = f"at {width}, {scheme}:"
            yield from (f"{where} outside: {one[:200]}" for one in seen["outside"][:3])
            if seen["scrolls"] or seen["drawings"] != pictures or not seen["answer"]:
                yield f"{where} {seen}"
            if (seen["paper"] == "rgb(255, 255, 255)") != (scheme == "light" or width == _PAPER):
                yield f"{where} is {seen['paper']}"


_FOCUSED = "one => [getComputedStyle(one).outlineStyle, one.localName, one.closest('details')?.open, one.outerHTML]"


def _keyboard(page: Page) -> Iterator[str]:
    """Tab reaches all that scrolls or opens, each with a mark that is seen, and Enter opens it."""
    page.emulate_media(media="screen")
    focused = page.locator(":focus")
    wanted = page.locator("summary:visible, [tabindex='0']:visible").count()
    for place in range(wanted):
        page.keyboard.press("Tab")
        if not focused.count():
            yield f"{place} of {wanted} are reached"
            return
        outline, name, is_open, text = focused.evaluate(_FOCUSED)
        if outline == "none":
            yield f"not seen where the focus is: {text[:100]}"
        if name == "summary":
            page.keyboard.press("Enter")
            if focused.evaluate(_FOCUSED)[2] == is_open:
                yield f"Enter neither opens nor closes {text[:100]}"
            page.keyboard.press("Enter")


def _accessible(page: Page) -> Iterator[str]:
    """Axe finds nothing, with all that folds unfolded; in the dark nothing that hangs on colours."""
    page.locator("html").evaluate("root => root.querySelectorAll('details').forEach(one => one.open = true)")
    for scheme in _SCHEMES:
        page.emulate_media(color_scheme=scheme)
        only = {"runOnly": ["color-contrast"]} if scheme == "dark" else {}
        for one in Axe().run(page, options={"resultTypes": ["violations"], **only}).response["violations"]:
            yield f"{scheme}: {one['id']}: {[node['html'][:200] for node in one['nodes'][:3]]}"


@pytest.mark.long
def test_every_page_as_people_use_it(pages: dict[str, Path]) -> None:
    """Nothing is found, in any of them."""
    found: dict[str, list[str]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=needed("chromium"), args=["--no-sandbox"], timeout=_PATIENCE
        )
        for name, path in pages.items():
            with _shown(browser, path, scripts=False) as (page, seen):
                found[name] = [*_layout(page), *_keyboard(page), *seen]
            with _shown(browser, path, scripts=True) as (page, seen):
                found[name] += [*_accessible(page), *seen]
        browser.close()
    assert {name: problems for name, problems in found.items() if problems} == {}
    for path in pages.values():
        text = path.read_text()
        assert "<script" not in text
        assert "<img" not in text
        assert not set(text) & {"\u202e", "\u2066", "\0", "\x1b"}
        assert path.stat().st_size < 300_000
