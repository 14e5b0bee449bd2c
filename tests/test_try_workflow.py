"""`make try-workflow`: what it refuses, and which files it takes; what it runs is the harness of tests/workflows."""

import subprocess

import pytest

from tools import try_workflow


def test_a_repository_without_the_workflow_is_told_how_to_write_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["try_workflow", str(tmp_path), "watch"])
    with pytest.raises(SystemExit) as ended:
        try_workflow.main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "chamiperf-watch.yml does not exist. Write it there: chamiperf init --workflows watch" in said


def test_a_folder_that_git_does_not_know_is_one_line_and_2(tmp_path, monkeypatch, capsys):
    file = tmp_path / ".github" / "workflows" / "chamiperf-nightly.yml"
    file.parent.mkdir(parents=True)
    file.touch()
    monkeypatch.setattr("sys.argv", ["try_workflow", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        try_workflow.main()
    assert ended.value.code == 2
    assert "not a git repository" in capsys.readouterr().err


def test_a_summary_is_shown_once_without_its_markup_and_without_what_is_folded():
    step = "### Load\n\n<code>a</code> is &#60; <a href='x'>b</a>\n\n"
    step += "<details><summary>All</summary>\n\n| x |\n\n</details>\n\n"
    assert try_workflow.plain(step + step) == "### Load\n\na is < b"


def test_the_copy_has_what_git_would_commit(tmp_path):
    repository, to = tmp_path / "repository", tmp_path / "to"
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
    for name, text in {".gitignore": "/out/\n", "new.txt": "", "deep/er": "", "out/left.json": ""}.items():
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text(text)
    try_workflow.copy(repository, try_workflow.listed(repository), to)
    assert sorted(str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()) == [
        ".gitignore",
        "deep/er",
        "new.txt",
    ]
