"""Takes the pictures of README and docs: a comment, a report and the trend, of runs that were judged.

`make pictures`: needs Chromium (Debian's `chromium`) and node. The comment's markdown is rendered as GitHub does, its
chart by mermaid's npm package (locked in tools/charts). Look at the pictures before you commit them.
"""

import json
import math
import sys
from datetime import timedelta
from pathlib import Path

from markdown_it import MarkdownIt
from playwright.sync_api import Browser, FloatRect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "render")]

from made_nights import made_night  # noqa: E402 - the tests' runs, which a path names
from made_runs import made_run  # noqa: E402
from test_states import BASELINES, CONTEXT, USUAL, again, judged, night, nights_at  # noqa: E402

from chamiperf_ci.adapters.files import PRODUCER  # noqa: E402
from chamiperf_ci.models.run import Course  # noqa: E402
from chamiperf_ci.render.html import Sides, page  # noqa: E402
from chamiperf_ci.render.night import comment_body  # noqa: E402
from chamiperf_ci.render.tables import TimeSplit  # noqa: E402
from chamiperf_ci.render.trend import trend_page  # noqa: E402
from chamiperf_ci.steps.trend import trends  # noqa: E402

OUT = ROOT / "docs" / "pictures"
LARGEST_BYTES = 200_000
WIDTH = 900
"""px; a comment on GitHub's page of a pull request has 880."""
SLOWER = 1.66
SLOW_FROM = 30
MERMAID = ROOT / "tools" / "charts" / "node_modules" / "mermaid" / "dist" / "mermaid.min.js"

COMMENT = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 24px; font: 14px/1.5 "Noto Sans", sans-serif; color: #1f2328; background: #fff }}
table {{ border-collapse: collapse; margin: 12px 0 }} th, td {{ border: 1px solid #d1d9e0; padding: 6px 13px }}
tr:nth-child(2n) {{ background: #f6f8fa }}
code {{ font-size: 12px; background: #818b981f; border-radius: 6px; padding: 2px 5px }}
a {{ color: #0969da }} h3 {{ margin: 12px 0 8px; font-size: 18px }} details {{ margin: 6px 0 }}
svg {{ max-height: 320px }}
</style>{body}"""


def comment() -> str:
    """Return the comment of a regression as GitHub shows it, its chart opened."""
    verdict = judged(night(SLOWER), *again(SLOWER), past=nights_at(1.0, range(8, 20)))
    text = comment_body(verdict, context=CONTEXT)
    body = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)
    chart = body.replace('<pre><code class="language-mermaid">', '<pre class="mermaid">').replace(
        "</code></pre>", "</pre>"
    )
    return COMMENT.format(body=chart.replace("<details>", "<details open>", 1))


def courses(factor: float) -> tuple[Course, ...]:
    """What services did beside a made run, for a picture that shows where those charts are."""
    kinds = (("bss", "processor time", "cores", 0.5), ("smd", "processor time", "cores", 0.3))
    return tuple(
        Course.of_points(of, what, unit, [(t, factor * base * (1 + 0.1 * math.sin(t / 40))) for t in range(0, 720, 10)])
        for of, what, unit, base in kinds
    )


def report() -> str:
    """Return the page of the same night."""
    runs = [night(SLOWER, courses=courses(SLOWER)), *again(SLOWER)]
    split = TimeSplit("boot_storm", "bootscript", seen=3.4, database=0.4, service=1.2, front=1.8, generator=0.1)
    slow = TimeSplit("boot_storm", "bootscript", seen=5.5, database=2.4, service=1.2, front=1.9, generator=0.1)
    verdict = judged(*runs, past=nights_at(1.0, range(8, 20)))
    before = [made_run(number, noise=0.02, courses=courses(1.0)) for number, _ in enumerate(USUAL)]
    return page(verdict, Sides(runs, before, [slow], [split]), context=CONTEXT)


def trend() -> str:
    """Return the page of nights of which the last ones are slower."""
    nights = [made_night(number, noise=0.02, factor=SLOWER if number > SLOW_FROM else 1.0) for number in range(45)]
    return trend_page(trends(nights, BASELINES, period=timedelta(days=1)), producer=PRODUCER)


def shoot(browser: Browser, name: str, html: str, *, height: int, scale: float = 1.5) -> None:
    """Take a page's picture.

    Raises:
        SystemExit: The file is larger than a README should load, or mermaid is not there to draw a chart.
    """
    tab = browser.new_page(viewport={"width": WIDTH, "height": height}, device_scale_factor=scale)
    file = OUT / f"{name}.html"
    file.write_text(html, encoding="utf-8")
    tab.goto(file.as_uri())
    file.unlink()
    if "mermaid" in html:
        if not MERMAID.exists():
            sys.exit(f"{MERMAID.relative_to(ROOT)} is missing: a chart would show its source. Run make pictures.")
        tab.add_script_tag(path=str(MERMAID))
        tab.evaluate("mermaid.initialize({startOnLoad: false}); mermaid.run()")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    tab.wait_for_timeout(1_500)
    tall = min(height, int(tab.evaluate("document.documentElement.scrollHeight")))
    clip: FloatRect = {"x": 0, "y": 0, "width": WIDTH, "height": tall}
    picture = OUT / f"{name}.png"
    tab.screenshot(path=str(picture), full_page=True, clip=clip)
    tab.close()
    if (size := picture.stat().st_size) > LARGEST_BYTES:
        raise SystemExit(f"{picture.name} has {size:,} bytes; at most {LARGEST_BYTES:,} are wanted")
    print(json.dumps({"picture": f"docs/pictures/{picture.name}", "bytes": size}))


def main() -> None:
    """Take them all."""
    OUT.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        shoot(browser, "comment", comment(), height=900)
        shoot(browser, "report", report(), height=1_100)
        shoot(browser, "trend", trend(), height=800, scale=1.0)
        browser.close()


if __name__ == "__main__":
    main()
