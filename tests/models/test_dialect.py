"""Templates of the dialect."""

from chamiperf_ci.models.dialect import fill


def test_placeholders_are_filled_in_every_string_inside():
    template = {"id": "{id}", "list": ["{mac}", 1], "deep": {"text": "a {id} b"}}
    assert fill(template, {"id": "n-1", "mac": "02"}) == {"id": "n-1", "list": ["02", 1], "deep": {"text": "a n-1 b"}}


def test_other_braces_stay_as_they_are():
    assert fill("{{ .Role }} {unknown} {id}", {"id": "n-1"}) == "{{ .Role }} {unknown} n-1"
