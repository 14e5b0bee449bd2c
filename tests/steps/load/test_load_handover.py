"""What k6 is given beside the plan."""

from types import SimpleNamespace

from chamiperf_ci.models.target import Credential, CredentialKind, StackKind, Target
from chamiperf_ci.steps.load.documents import SLACK_S, k6_runs
from chamiperf_ci.steps.load.plan import assign
from chamiperf_ci.steps.load.request import LoadOptions, read_profile


def test_k6_may_take_its_whole_setup_before_its_time_limit_counts_against_it(tmp_path):
    slow = assign(read_profile("full"), "dhcp_sync_burst", LoadOptions(settings={"settle_s": 900.0}))
    job = SimpleNamespace(
        k6=SimpleNamespace(path="k6"),
        output_settings={},
        options=LoadOptions(),
        subject_token=None,
        share=None,
        target=Target(
            environment="lab",
            stack_kind=StackKind.DEPLOYED,
            services={},
            credential=Credential(kind=CredentialKind.NONE),
        ),
    )
    (run,) = k6_runs(job, slow, tmp_path / "plan.json", "lt1")
    assert run.timeout_s >= 900 + slow.duration_s + SLACK_S
