"""What was deployed, read from a file."""

import pytest

from chamiperf_ci.adapters.files import read_manifest
from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.target import Identity


def test_a_digest_is_an_image_and_anything_else_a_commit(tmp_path):
    file = tmp_path / "manifest.json"
    file.write_text('{"smd": "example/smd@sha256:aa", "bss": "1a2b3c4"}')
    assert read_manifest(file) == {
        "smd": Identity(service="smd", image="example/smd@sha256:aa"),
        "bss": Identity(service="bss", commit="1a2b3c4"),
    }


@pytest.mark.parametrize("text", ["", "[]", "null", '{"smd": 1}', '{"smd": ""}', "{"])
def test_anything_else_is_one_clear_line(tmp_path, text):
    file = tmp_path / "manifest.json"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="the stack's manifest cannot be used"):
        read_manifest(file)


def test_a_file_that_is_not_there_is_one_clear_line(tmp_path):
    with pytest.raises(ConfigurationError, match="No such file"):
        read_manifest(tmp_path / "none.json")
