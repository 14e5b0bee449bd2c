"""Summaries, reports and comments name the environment; the log and the files of a run keep the hosts."""

import pytest
from sample_verdict import a_row, a_verdict

from chamiperf_ci.errors import ConfigurationError
from chamiperf_ci.models.verdict import Acknowledgement, Fact
from chamiperf_ci.models.vocabulary import FactWord
from chamiperf_ci.steps.published import published, published_verdict


def warning(text):
    return Fact(word=FactWord.HISTORY, values={"text": text})


VARIABLES = {"CHAMICORE_TEST_SMD_URL": "http://10.1.2.3:27779", "CHAMIPERF_TARGET": "staging"}


def test_a_service_is_named_by_the_variable_that_holds_its_url():
    assert published("http://10.1.2.3:27779/readiness: 503", variables=VARIABLES) == "smd@staging/readiness: 503"


def test_every_text_of_a_verdict_is_cleared():
    verdict = a_verdict(
        rows=(a_row(detail="http://10.1.2.3:27779/x did not answer"),), warnings=(warning("10.9.9.9 slow"),)
    )
    cleared = published_verdict(verdict, variables=VARIABLES)
    assert cleared.rows[0].detail == "smd@staging/x did not answer"
    assert cleared.warnings == (warning("host@staging slow"),)


def test_the_link_of_an_acknowledgement_still_leads_somewhere():
    known = Acknowledgement(
        reason="10.9.9.9 is slow", who="ada", link="https://example.org/issues/7", expires="2026-06-30", extent=0.4
    )
    cleared = published_verdict(a_verdict(rows=(a_row(acknowledged=known),)), variables=VARIABLES)
    assert cleared.rows[0].acknowledged.link == "https://example.org/issues/7"
    assert cleared.rows[0].acknowledged.reason == "host@staging is slow"


def test_a_verdict_without_hosts_stays_as_it_is():
    assert published_verdict(a_verdict(), variables=VARIABLES) == a_verdict()


def test_hosts_are_published_where_somebody_says_so():
    told = VARIABLES | {"CHAMIPERF_SHOW_HOSTS": "true"}
    assert published("http://10.1.2.3:27779/x", variables=told) == "http://10.1.2.3:27779/x"
    assert published_verdict(a_verdict(warnings=(warning("10.9.9.9"),)), variables=told).warnings == (
        warning("10.9.9.9"),
    )


def test_a_word_that_is_neither_true_nor_false_is_refused():
    with pytest.raises(ConfigurationError, match="neither true nor false"):
        published("x", variables={"CHAMIPERF_SHOW_HOSTS": "maybe"})
