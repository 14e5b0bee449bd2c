"""The smoke test against a real stack, whole and broken."""

import pytest
from made_targets import TOKEN, target, target_of
from scripted_server import Reply, envelope, serving

from chamicore_standin import faulting, lifecycle
from chamiperf_ci.adapters.bounds import RetryPolicy
from chamiperf_ci.adapters.chamicore import Chamicore
from chamiperf_ci.errors import CredentialRefused
from chamiperf_ci.models.dialect import new_run_id
from chamiperf_ci.models.faults import Errors, SwapScripts
from chamiperf_ci.models.target import Credential, CredentialKind, Service, StackOptions
from chamiperf_ci.steps.seed.inventory import take
from chamiperf_ci.steps.smoke import PUBLISHED_TOKEN, smoke

pytestmark = pytest.mark.e2e


def _smoke(of, deadline_s=20.0, timeout_s=5.0):
    with Chamicore(of, retry=RetryPolicy(timeout_s=timeout_s, retries=1)) as client:
        return smoke(client, run_id=new_run_id("s"), deadline_s=deadline_s)


def _with(of, **urls):
    services = {**of.services, **{Service(name.replace("_", "-")): url for name, url in urls.items()}}
    return of.model_copy(update={"services": services})


def _outcomes(document, service):
    return {check.operation: check.outcome for check in document.checks if check.service == service}


def _problem(document, service, operation):
    return next(check.problem for check in document.checks if (check.service, check.operation) == (service, operation))


def test_a_whole_stack_is_green(embedded_stack):
    document = _smoke(target_of(embedded_stack)).document
    assert document.ok, [check for check in document.checks if check.outcome == "failed"]
    assert _outcomes(document, "bss") == {
        "health": "ok",
        "create boot parameters": "ok",
        "read them back": "ok",
        "serve the boot script": "ok",
    }


def test_what_it_made_is_gone_afterwards(make_stack):
    stack = target_of(make_stack())
    _smoke(stack)
    with Chamicore(stack) as client:
        assert take(client, check_stop=lambda: None).entries == ()
        assert client.count(client.dialect.objects["service-account"]) == 0
        assert client.count(client.dialect.objects["target"]) == 0


def test_a_service_that_is_not_configured_is_skipped_by_name(embedded_stack):
    whole = target_of(embedded_stack)
    without = {name: url for name, url in whole.services.items() if name is not Service.POWER}
    document = _smoke(whole.model_copy(update={"services": without})).document
    assert (document.ok, _outcomes(document, "power")) == (True, {"health": "skipped"})
    assert _problem(document, "power", "health") == "not configured"


def test_a_configured_service_that_is_absent_is_red(embedded_stack):
    document = _smoke(_with(target_of(embedded_stack), bss="http://127.0.0.1:1")).document
    assert (document.ok, _outcomes(document, "bss")["health"]) == (False, "failed")
    assert _problem(document, "bss", "health") == "no answer: Connection refused (http://127.0.0.1:1/health)"
    assert document.left_behind == ()


def test_a_service_that_hangs_is_cut_off_at_the_deadline_and_the_others_are_judged(embedded_stack):
    with serving(Reply(hang=True)) as hanging:
        stack = _with(target_of(embedded_stack), cloud_init=hanging.url)
        document = _smoke(stack, deadline_s=2.0, timeout_s=60.0).document
    assert _problem(document, "cloud-init", "health") == "no answer within 1.5 s"
    assert _outcomes(document, "bss")["serve the boot script"] == "ok"


def test_a_service_that_hangs_after_its_health_is_told_to_have_kept_what_may_be_there(embedded_stack):
    with serving(
        lambda asked: Reply(200, {"status": "ok"}) if asked.path == "/health" else Reply(hang=True)
    ) as hanging:
        stack = _with(target_of(embedded_stack), cloud_init=hanging.url)
        document = _smoke(stack, deadline_s=2.0, timeout_s=60.0).document
    assert len(document.left_behind) == 1
    assert document.left_behind[0].endswith("in cloud-init: the service does not answer")


def test_a_script_of_another_node_is_red(make_stack):
    state = make_stack()
    with Chamicore(target_of(state)) as client:
        # Somebody else whose script can be served in place of ours.
        other = {"id": "other", "mac": "02:00:00:00:00:01", "ip": "198.18.9.9"}
        for name in client.dialect.seed_order:
            client.create(client.dialect.objects[name], other)
    faulting.set_fault(state, SwapScripts(service="bss"))
    document = _smoke(target_of(state)).document
    assert _outcomes(document, "bss")["serve the boot script"] == "failed"
    assert "the boot script lacks 'kernel http://images.example/" in _problem(document, "bss", "serve the boot script")


def test_an_object_that_cannot_be_removed_is_named_and_red(make_stack):
    state = make_stack()
    faulting.set_fault(state, Errors(service="bss", route="boot-params-delete", rate=1.0, error="500"))
    document = _smoke(target_of(state)).document
    assert not document.ok
    assert [line.partition(":")[0].rpartition(" of ")[0] for line in document.left_behind] == ["bootparams"]


def test_rows_that_a_sync_made_first_are_no_fault(make_stack):
    document = _smoke(target_of(make_stack(auto_rows=True, sync_interval_s=0.05))).document
    assert document.ok, [check for check in document.checks if check.outcome == "failed"]


def test_in_dev_mode_the_bad_token_is_skipped_by_name_and_said(make_stack):
    document = _smoke(target_of(make_stack(dev_mode=True))).document
    assert document.ok
    assert _problem(document, "auth", "refuse a bad token") == "dev mode: every token is taken"
    assert document.warnings == ("auth is in dev mode: no credential is checked, so nothing is proved about it",)


def test_the_published_default_token_is_warned_of(tmp_path):
    state = lifecycle.up(StackOptions(ports="ephemeral"), state_dir=tmp_path / "s", internal_token=PUBLISHED_TOKEN)
    try:
        document = _smoke(target_of(state)).document
    finally:
        lifecycle.down(tmp_path / "s")
    assert document.ok
    assert document.warnings == (
        "auth takes the default internal token that Chamicore has published: everybody knows it, set another",
        "smd takes the default internal token that Chamicore has published: everybody knows it, set another",
    )


def test_a_refused_credential_is_red_and_asks_for_another_configuration(embedded_stack):
    outcome = _smoke(target_of(embedded_stack).model_copy(update={"credential": TOKEN}))
    assert isinstance(outcome.refused, CredentialRefused)
    assert (outcome.document.ok, outcome.document.left_behind) == (False, ())


def test_a_bad_token_that_is_taken_is_red():
    def answer(asked):
        if asked.path == "/health":
            return Reply(200, {"status": "ok"})
        if asked.method == "POST" and asked.path.startswith("/hsm"):
            return Reply(201, envelope("k", asked.json))
        return Reply(400, {"detail": "no"}) if asked.method == "POST" else Reply(200, envelope("k", {}))

    with serving(answer) as open_to_all:
        document = _smoke(target(services={Service.SMD: open_to_all.url})).document
    assert _outcomes(document, "smd")["refuse a bad token"] == "failed"


def test_client_credentials_are_enough(make_stack):
    state = make_stack()
    with Chamicore(target_of(state)) as client:
        account = client.dialect.objects["service-account"]
        body = {**account.body, "name": "ci", "scopes": ["admin"]}
        spec = client.create(account.model_copy(update={"body": body}), {}).spec
    credential = Credential(
        kind=CredentialKind.CLIENT_CREDENTIALS, client_id=spec["clientId"], client_secret=spec["clientSecret"]
    )
    document = _smoke(target_of(state).model_copy(update={"credential": credential})).document
    assert document.ok, [check for check in document.checks if check.outcome == "failed"]


def test_all_works_behind_a_gateway(make_stack):
    state = make_stack(gateway=True)
    direct = target_of(state)
    document = _smoke(direct.model_copy(update={"services": {}, "gateway": state.url("gateway")})).document
    assert document.ok, [check for check in document.checks if check.outcome == "failed"]
