import json

import pytest

from chamiperf_ci.adapters.bounds import line_of

TEXT = """{
  "kind": "x", "a\\"b": [1, {"c": 2},
    [
      {"deep": null, "brace": "}]{[",
       "last": 1.5e3}
    ]
  ],
  "empty": {},
  "twice": 1,
  "none": [],
  "twice":
    2
}"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("kind",), 2),
        (('a"b', 1, "c"), 2),
        (('a"b', 2), 3),
        (('a"b', 2, 0), 4),
        (('a"b', 2, 0, "last"), 5),
        (("empty",), 8),
        (("twice",), 12),
    ],
)
def test_a_field_is_found_on_its_line(path, line):
    assert line_of(TEXT, path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("missing",), 1),
        (("empty", "missing"), 8),
        (("none", 0), 10),
        (('a"b', 7), 2),
        (("kind", "deeper"), 2),
        (("empty", 0), 8),
    ],
)
def test_a_field_that_is_missing_is_looked_for_in_what_should_hold_it(path, line):
    assert line_of(TEXT, path) == line


def test_layout_does_not_matter():
    assert line_of(json.dumps(json.loads(TEXT), indent="\t"), ('a"b', 2, 0, "last")) == 12
