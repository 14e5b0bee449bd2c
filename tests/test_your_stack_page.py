"""docs/your-stack.md says what the code does."""

import re
import tomllib
from pathlib import Path

import pytest

from chamiperf_ci.commands.load import load
from chamiperf_ci.commands.lock import lock
from chamiperf_ci.commands.seed import seed
from chamiperf_ci.models.target import TargetsFile

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "your-stack.md").read_text(encoding="utf-8")
SOURCE = " ".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "chamiperf_ci").rglob("*.py") if "stack" not in path.parts
)


def test_the_example_file_is_one():
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]
    assert list(TargetsFile.model_validate(tomllib.loads(example)).targets) == ["lab"]


def test_every_option_it_names_exists():
    params = [*seed.params, *load.params, *(param for each in lock.commands.values() for param in each.params)]
    known = {name for param in params for name in param.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z0-9][a-z0-9-]*", PAGE))
    assert named
    assert named <= known


@pytest.mark.parametrize("variable", sorted(set(re.findall(r"\bCHAMI(?:CORE|PERF)_[A-Z_]+\b", PAGE))))
def test_every_variable_it_names_is_read(variable):
    assert variable in SOURCE or variable == "CHAMIPERF_CONFIG"


@pytest.mark.parametrize("message", re.findall(r"^- `([^`]+)`: ", PAGE.partition("## When it")[2], re.MULTILINE))
def test_every_message_it_explains_is_said(message):
    words = [part.strip() for part in message.split("...")]
    assert all(part in SOURCE for part in words)
