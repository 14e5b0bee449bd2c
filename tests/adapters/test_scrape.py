import pytest

from chamiperf_ci.adapters.prometheus import Sample, Scraper, samples, scraped
from chamiperf_ci.errors import StackUnreachable, UnexpectedAnswer
from chamiperf_ci.models.target import Credential, CredentialKind, Service, StackKind, Target


def only(text):
    (sample,) = samples(text)
    return sample


def target(**services):
    return Target(
        environment="here",
        stack_kind=StackKind.DEPLOYED,
        services=services,
        credential=Credential(kind=CredentialKind.NONE),
    )


def test_labels_are_unescaped_and_sorted():
    assert only(r'up{b="a\"}\\\n",a="1"} 2') == Sample("up", (("a", "1"), ("b", 'a"}\\\n')), 2.0)


def test_the_samples_own_time_and_its_exemplar_are_passed_over():
    assert only('x_bucket{le="1"} 3 1700000000 # {trace="9"} 0.5 1700000000').value == 3.0


def test_a_brace_within_a_value_does_not_end_the_labels():
    assert only('x{route="/nodes/{id}"} 1').labels == (("route", "/nodes/{id}"),)


@pytest.mark.parametrize("line", ["# TYPE x counter", "", "x NaN", "x +Inf", "x", "x one"])
def test_what_is_no_finite_sample_is_left_out(line):
    assert not list(samples(line))


def test_a_service_without_the_route_has_no_metrics(embedded_stack):
    with Scraper(target(), timeout_s=5) as scraper, pytest.raises(UnexpectedAnswer, match="no metrics are served"):
        scraper.scrape(embedded_stack.url("smd") + "/nowhere")


def test_a_service_that_is_not_there_is_unreachable(free_tcp_port):
    with Scraper(target(), timeout_s=5) as scraper, pytest.raises(StackUnreachable):
        scraper.scrape(f"http://127.0.0.1:{free_tcp_port}")


def test_the_stack_is_read_as_it_is(embedded_stack):
    with Scraper(target(), timeout_s=5) as scraper:
        names = {sample.name for sample in scraper.scrape(embedded_stack.url("bss"))}
    assert {"http_server_request_duration_seconds_bucket", "process_resident_memory_bytes"} <= names


def test_a_gateway_is_not_asked_for_metrics_of_services():
    behind = target(bss="http://127.0.0.1:1").model_copy(update={"gateway": "http://127.0.0.1:2"})
    assert scraped(behind) == {Service.BSS: "http://127.0.0.1:1"}
