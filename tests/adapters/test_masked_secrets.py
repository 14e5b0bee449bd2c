"""In a job, a secret is masked before it is used; elsewhere it is printed nowhere."""

import pytest

from chamiperf_ci.adapters.files import check_secret, read_secret


def test_a_secret_of_a_file_is_masked_in_a_job(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (tmp_path / "token").write_text("canary-in-a-file\n")
    read_secret(tmp_path / "token", option="--token-file")
    assert capsys.readouterr().err == "::add-mask::canary-in-a-file\n"


def test_a_secret_of_a_variable_is_masked_in_a_job(monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    check_secret("canary-in-a-variable", where="CHAMICORE_TOKEN")
    assert capsys.readouterr().err == "::add-mask::canary-in-a-variable\n"


@pytest.mark.parametrize("inside", [None, "false"])
def test_outside_a_job_nothing_is_printed(inside, monkeypatch, capsys):
    if inside is not None:
        monkeypatch.setenv("GITHUB_ACTIONS", inside)
    check_secret("canary", where="CHAMICORE_TOKEN")
    assert capsys.readouterr() == ("", "")
