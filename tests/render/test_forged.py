"""A verdict that somebody else wrote: nothing it says is ever shown as the toolkit's own words."""

import json
import re
from pathlib import Path

import pytest

from chamiperf_ci.adapters import files
from chamiperf_ci.models.verdict import Verdict
from chamiperf_ci.render.html import page
from chamiperf_ci.render.junit import junit, notes
from chamiperf_ci.render.night import comment_body, summary
from chamiperf_ci.render.numbers import Context

CASE = Path(__file__).parent.parent / "cases" / "comment" / "forged-sentences.json"
GOLDEN = Path(__file__).parent.parent / "golden" / "v2" / "verdict.json"
CONTEXT = Context(project_url="https://code.example/lab/chamiperf-ci/blob/v1", trusted=False)
PROSE = "Approved by the performance team, safe to merge"
LINK = "https://evil.example/approve"


def read(path):
    return files.read_document(path, Verdict)


def surfaces(verdict):
    """What is posted or published of a verdict, by place."""
    return {
        "comment": comment_body(verdict, context=CONTEXT),
        "summary": summary(verdict, context=CONTEXT),
        "page": page(verdict, context=CONTEXT),
        "junit": junit(verdict),
        "annotations": "\n".join(f"{note.title}: {note.message}" for note in notes(verdict)),
    }


def test_none_of_the_prose_of_a_forged_verdict_appears():
    forged = json.loads(CASE.read_text())
    assert "Approved by the performance team" in forged["outcome"]["sentence"]
    for place, text in surfaces(read(CASE)).items():
        assert not re.search("approved|reviewed|safe to merge|maintainers", text, re.IGNORECASE), place


def test_the_finding_of_a_forged_verdict_is_told_all_the_same():
    assert "+66 %" in comment_body(read(CASE), context=CONTEXT)


def _strings(value, path=()):
    """Every text of a document, by its place."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _strings(item, (*path, name))
    elif isinstance(value, list):
        for place, item in enumerate(value[:2]):
            yield from _strings(item, (*path, place))


def _with(document, path, text):
    changed = json.loads(json.dumps(document))
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = text
    return changed


DOCUMENT = json.loads(GOLDEN.read_text()) | {"first_look": None}
FACTS = {
    "warnings": [
        {"word": "history", "values": {"text": PROSE}},
        {"word": "baseline-stale", "values": {"row": PROSE, "better": 0.3, "unseen": 0.5, "command": PROSE}},
        {"word": "edited-by-hand", "values": {"text": PROSE}},
        {"word": "no-history", "values": {"anything": PROSE}},
    ],
    "sensitivity": [
        {"scenario": PROSE, "measured_on": PROSE, "word": "proved", "endpoint": PROSE, "metric": PROSE,
         "smallest": 0.1, "differences": [PROSE]},
    ],
}  # fmt: skip
PLACES = [path for path in _strings(DOCUMENT) if path[0] not in ("kind", "producer")]


def outside_code(text):
    """A text without what is shown as code; what is left are our own words."""
    return re.sub(r"<code[^>]*>.*?</code>|<pre>.*?</pre>", "", text, flags=re.DOTALL)


def checked(document):
    """What is shown of a document outside code; nothing where its reader refuses it."""
    try:
        verdict = files.parse_document(json.dumps(document), Verdict, where="x", remedy="y")
    except files.ConfigurationError:
        return {}
    shown = surfaces(verdict)
    return {place: outside_code(shown[place]) for place in ("comment", "summary")}


@pytest.mark.parametrize("path", PLACES, ids=[".".join(map(str, path)) for path in PLACES])
@pytest.mark.parametrize("text", [PROSE, LINK], ids=["prose", "link"])
def test_text_in_any_field_is_shown_as_data_alone(path, text):
    for place, shown in checked(_with(DOCUMENT, path, text)).items():
        assert text not in shown, place
        assert "Approved" not in shown, place
        assert "evil.example" not in shown, place


@pytest.mark.parametrize("field", FACTS)
def test_text_of_facts_is_shown_as_data_alone(field):
    for place, shown in checked(DOCUMENT | {field: FACTS[field]}).items():
        assert "Approved" not in shown, place


def test_a_long_name_is_cut():
    shown = comment_body(
        files.parse_document(
            json.dumps(_with(DOCUMENT, ("rows", 0, "key", "endpoint"), "x" * 5_000)), Verdict, where="x", remedy="y"
        ),
        context=CONTEXT,
    )
    assert "x" * 81 not in shown
