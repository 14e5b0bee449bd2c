"""Draws docs/comment.png, the comment that the README shows, from the text of tests/render/golden/comment.md.

`python -m tools.comment_picture`: needs Chromium (Debian's `chromium`). Look at the picture before you commit it.
"""

from pathlib import Path

from markdown_it import MarkdownIt
from playwright.sync_api import FloatRect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 880
"""Of a comment on GitHub's page of a pull request, px."""

HEIGHT = 600
"""What of it decides, px."""

PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 24px; font: 14px/1.5 "Noto Sans", sans-serif; color: #1f2328; background: #fff }}
table {{ border-collapse: collapse; margin: 12px 0 }} th, td {{ border: 1px solid #d1d9e0; padding: 6px 13px }}
tr:nth-child(2n) {{ background: #f6f8fa }}
code {{ font-size: 12px; background: #818b981f; border-radius: 6px; padding: 2px 5px }}
a {{ color: #0969da }} h3 {{ margin: 12px 0 8px; font-size: 18px }} details {{ margin: 6px 0 }}
</style>{body}"""


def main() -> None:
    """Render the text as GitHub does, folded parts folded, and take its picture."""
    text = (ROOT / "tests" / "render" / "golden" / "comment.md").read_text(encoding="utf-8")
    body = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": 100}, device_scale_factor=2)
        page.set_content(PAGE.format(body=body))
        height = min(HEIGHT, page.evaluate("document.documentElement.scrollHeight"))
        clip: FloatRect = {"x": 0, "y": 0, "width": WIDTH, "height": height}
        page.screenshot(path=str(ROOT / "docs" / "comment.png"), full_page=True, clip=clip)
        browser.close()


if __name__ == "__main__":
    main()
