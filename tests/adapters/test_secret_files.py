"""Secrets that come in files."""

import pytest

from chamiperf_ci.adapters.files import read_secret
from chamiperf_ci.errors import ConfigurationError


def test_the_line_end_after_a_secret_is_not_part_of_it(tmp_path):
    path = tmp_path / "token"
    path.write_bytes(b"planted-secret\r\n")
    assert read_secret(path, option="--token-file").get_secret_value() == "planted-secret"


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        pytest.param(b"", "the secret is empty", id="empty"),
        pytest.param(b"\n", "the secret is empty", id="only a line end"),
        pytest.param(
            b"a\nX-Header: b", "the secret holds blanks, line ends or characters outside ASCII", id="header injection"
        ),
        pytest.param(
            "\u00e4".encode(), "the secret holds blanks, line ends or characters outside ASCII", id="not ASCII"
        ),
        pytest.param(b"\xff\xfe", "the secret cannot be read: it is not text", id="not text"),
    ],
)
def test_a_secret_that_no_header_can_carry_is_refused(tmp_path, content, wrong):
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as refused:
        read_secret(path, option="--token-file")
    assert (refused.value.wrong, refused.value.where) == (wrong, f"--token-file, {path}")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="the secret cannot be read: No such file or directory"):
        read_secret(tmp_path / "none", option="--token-file")
