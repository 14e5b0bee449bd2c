"""What a step writes for the runner: outputs, summary, masks and annotations."""

import re

import pytest

from chamiperf_ci.adapters import console
from chamiperf_ci.adapters.console import ANNOTATION_LIMIT, SUMMARY_LIMIT_BYTES, Annotation, AnnotationLevel
from chamiperf_ci.errors import ConfigurationError


@pytest.fixture
def job(monkeypatch, tmp_path):
    """A step of a job, with its files."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


def outputs_of(text):
    """What the runner makes of an output file."""
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        if not line:
            continue
        name, delimiter = line.split("<<", 1)
        value = []
        while (part := next(lines)) != delimiter:
            value.append(part)
        found[name] = "\n".join(value)
    return found


def test_outputs_reach_the_runner_whole(job):
    console.publish({"verdict": "pass", "regressions": 2, "suspects": None, "gate": True, "text": "two\nlines"})
    assert outputs_of((job / "GITHUB_OUTPUT").read_text()) == {
        "verdict": "pass",
        "regressions": "2",
        "suspects": "",
        "gate": "true",
        "text": "two\nlines",
    }


def test_a_value_cannot_add_an_output_of_its_own(job):
    console.publish({"first": "x"})
    delimiter = (job / "GITHUB_OUTPUT").read_text().split("<<")[1].split("\n")[0]
    console.publish({"hostile": f"x\n{delimiter}\nstolen<<E\nyes\nE"})
    assert set(outputs_of((job / "GITHUB_OUTPUT").read_text())) == {"first", "hostile"}


def test_a_step_that_went_well_is_one_line_of_the_summary(job):
    console.step_went_well("smoke 22/22")
    assert (job / "GITHUB_STEP_SUMMARY").read_text() == "🟢 smoke 22/22\n\n"


def test_lines_are_kept_for_the_last_step_of_the_job(job, monkeypatch):
    monkeypatch.setenv("CHAMIPERF_STEP_LINES", str(job / "lines"))
    console.step_went_well("smoke 22/22")
    console.step_went_well("seed 2,000 nodes")
    assert (job / "lines").read_text() == "smoke 22/22\nseed 2,000 nodes\n"
    assert not (job / "GITHUB_STEP_SUMMARY").exists()


def test_outside_a_job_nothing_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    console.publish({"verdict": "pass"})
    console.append_summary("# Verdict")
    console.step_went_well("smoke 22/22")
    console.mask("secret")
    console.annotate([Annotation(AnnotationLevel.ERROR, "title", "text")])
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")


def test_a_summary_is_added_to_what_is_there(job):
    (job / "GITHUB_STEP_SUMMARY").write_text("before\n")
    assert console.append_summary("# Verdict")
    assert (job / "GITHUB_STEP_SUMMARY").read_text() == "before\n# Verdict\n\n"


def test_a_summary_that_does_not_fit_ends_at_a_line_and_says_so(job):
    assert not console.append_summary("line é\n" * 200_000)
    written = (job / "GITHUB_STEP_SUMMARY").read_bytes()
    assert len(written) <= SUMMARY_LIMIT_BYTES
    kept, _, said = written.decode().partition("\n\n_Cut here: ")
    assert kept.endswith("line é\n")
    assert said == "the job summary is full. The whole text is in the artifact of this run._\n"


def test_a_summary_that_is_full_takes_nothing_more(job):
    (job / "GITHUB_STEP_SUMMARY").write_text("x" * SUMMARY_LIMIT_BYTES)
    assert not console.append_summary("# Verdict")
    assert (job / "GITHUB_STEP_SUMMARY").stat().st_size == SUMMARY_LIMIT_BYTES


@pytest.mark.usefixtures("job")
def test_each_line_of_a_secret_is_masked(capsys):
    console.mask("first\n\n  \nse%cond")
    assert capsys.readouterr().err == "::add-mask::first\n::add-mask::se%25cond\n"


@pytest.mark.usefixtures("job")
def test_an_annotation_stays_one_line_and_one_title(capsys):
    console.annotate([Annotation(AnnotationLevel.WARNING, "a,b:c", "two\r\nlines 100%")])
    assert capsys.readouterr().err == "::warning title=a%2Cb%3Ac::two%0D%0Alines 100%25\n"


@pytest.mark.usefixtures("job")
def test_the_worst_annotations_are_shown_and_the_rest_counted(capsys):
    many = [Annotation(AnnotationLevel.NOTICE, "t", str(number)) for number in range(5)]
    many += [Annotation(AnnotationLevel.ERROR, "t", f"e{number}") for number in range(ANNOTATION_LIMIT)]
    console.annotate(many)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error"] * ANNOTATION_LIMIT + ["::notice"]
    assert lines[-1].endswith("::5 more; all are in the job summary.")


@pytest.mark.usefixtures("job")
def test_quoted_text_is_fenced_by_a_token_it_cannot_know():
    first, second = console.quoted("::error::x"), console.quoted("::error::x")
    assert re.fullmatch(r"::stop-commands::(\w{32})\n::error::x\n::\1::", first)
    assert first != second


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("plain text", "plain text", id="plain text is untouched"),
        pytest.param("a\n::error::b", "a ::error::b", id="a line break starts no command"),
        pytest.param("::error::b", "error::b", id="nor does the beginning"),
        pytest.param("::::error::b", "error::b", id="however often it begins"),
        pytest.param(":::error::b", "error::b", id="nor an odd number of colons"),
        pytest.param(":: ::error::b", "error::b", id="nor a blank behind the first of them"),
        pytest.param("a ##[error]b", "a ## [error]b", id="nor does the old form, which works inside a line"),
    ],
)
def test_untrusted_text_in_a_log_line_is_no_command(text, expected):
    assert console.harmless(text) == expected


@pytest.mark.parametrize(
    ("variable", "write"),
    [
        ("GITHUB_OUTPUT", lambda: console.publish({"verdict": "pass"})),
        ("GITHUB_STEP_SUMMARY", lambda: console.append_summary("text")),
    ],
)
def test_a_full_disk_is_told_by_the_variable_that_names_the_file(variable, write, monkeypatch):
    monkeypatch.setenv(variable, "/dev/full")
    with pytest.raises(ConfigurationError, match=rf"No space left on device \({variable}\)"):
        write()
