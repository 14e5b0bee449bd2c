"""What is said of a dialect that is none."""

import pytest

from chamiperf_ci.adapters import files
from chamiperf_ci.errors import ConfigurationError


def test_a_file_that_lacks_fields_is_told_the_first_and_how_many_more(tmp_path, monkeypatch):
    (tmp_path / "dialects").mkdir()
    (tmp_path / "dialects" / "chamicore.json").write_text('{"format_version": 1}')
    monkeypatch.setattr(files, "k6_folder", lambda: tmp_path)
    with pytest.raises(ConfigurationError, match=r"dialect: Field required \(and 11 more\)"):
        files.dialect.__wrapped__()
