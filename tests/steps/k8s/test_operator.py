"""The k6 operator's manifests, a cluster that answers as its API server does, and what runners' logs are worth."""

import hashlib
import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from click.testing import CliRunner
from made_loads import distribution, series, summary, traffic

from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.commands.k8s import k8s
from chamiperf_ci.models.run import Run, ScriptClock, ScriptHealth, Shard
from chamiperf_ci.models.seed import NameFormula, Seed, Verification
from chamiperf_ci.models.target import StackKind
from chamiperf_ci.models.vocabulary import RunReason
from chamiperf_ci.steps.k8s import summary_in

SECRET = "s3cret-that-must-not-be-seen-anywhere"
LOAD = ("--scenario", "boot_storm", "--profile", "demo", "--runners", "3", "--name", "boot-1", "--secret", "chamicore")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with what was seeded, and a stack that is not reached from here."""
    monkeypatch.chdir(tmp_path)
    for service, port in (("SMD", 1), ("BSS", 2)):
        monkeypatch.setenv(f"CHAMICORE_TEST_{service}_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("CHAMICORE_INTERNAL_TOKEN", SECRET)
    seed = Seed(
        producer="chamiperf 0.2.0", environment="local", stack_kind=StackKind.DEPLOYED, run_id="r2026a", nodes=100,
        network="198.18.0.0/15", counts={"components": 100}, complete=True, formula=NameFormula(id="", mac="", ip=""),
        created_at=datetime(2026, 3, 1, tzinfo=UTC), seconds=1.0, objects_per_s=1.0, durability="", rates=(),
        verification=Verification(counted={}, sampled=0, wrong=()),
    )  # fmt: skip
    write_document(tmp_path / "out" / "seed.json", seed)
    return tmp_path


def chamiperf(*arguments):
    return CliRunner().invoke(k8s, arguments, standalone_mode=False)


def as_json(*arguments):
    """The one document that standard output holds."""
    return json.loads(chamiperf(*arguments, "--format", "json").stdout)


def part(index, of=3, **changes):
    """What one runner measured of a demo's boot storm."""
    clock = ScriptClock(start_at=None, began_at=1_770_000_000.0 + 0.01 * index, ended_at=1_770_000_009.0)
    phases = {"sustained": distribution(1800)}
    quiet = ScriptHealth(overrun_ms=distribution(50, 0, 2), stall_ms=distribution(50, 0, 2))
    fields = {
        "profile": "demo", "duration_s": 8.5, "iterations": 2000, "max_vus": 134, "shard": Shard(index=index, of=of),
        "series": (series(phases=phases, windows=10, count=180),), "traffic": (traffic(4000),), "clock": clock,
        "health": quiet,
    }  # fmt: skip
    return summary(**{**fields, **changes})


def log_of(found, before="", after=""):
    text = json.dumps(found.model_dump(mode="json"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{before}chamiperf-summary-begin sha256:{digest} {text} chamiperf-summary-end\n{after}"


def test_what_is_rendered_is_what_the_operator_takes(folder):
    done = chamiperf("render", *LOAD)
    assert done.exit_code == 0, done.output
    config, run = yaml.safe_load_all(done.stdout)
    assert (config["kind"], config["metadata"]["name"]) == ("ConfigMap", "boot-1")
    assert sum(len(text) for text in config["data"].values()) < 1_048_576
    plan = json.loads(config["data"]["plan.json"])
    assert (plan["scenario"], len(plan["quantiles"]) > 300) == ("boot_storm", True)
    assert (run["apiVersion"], run["kind"]) == ("k6.io/v1alpha1", "TestRun")
    spec = run["spec"]
    assert spec["parallelism"] == 3
    assert spec["script"] == {"configMap": {"name": "boot-1", "file": "script.js"}}
    assert all(each.startswith("-") for each in spec["args"])
    for who in ("initializer", "runner"):
        plain = {each["name"]: each.get("value") for each in spec[who]["env"]}
        assert (plain["CHAMIPERF_PLAN"], plain["CHAMIPERF_SUMMARY"]) == ("/test/plan.json", "-")
        assert spec[who]["image"] == "grafana/k6:1.1.0"
    (by_reference,) = [each for each in spec["runner"]["env"] if "valueFrom" in each]
    assert by_reference == {
        "name": "CHAMICORE_INTERNAL_TOKEN",
        "valueFrom": {"secretKeyRef": {"name": "chamicore", "key": "CHAMICORE_INTERNAL_TOKEN"}},
    }
    assert spec["runner"]["resources"]["requests"]["cpu"] == "2"
    assert "cleanup" not in spec
    assert (spec["separate"], "--no-thresholds" in spec["args"]) == (False, True)
    assert "volumes" not in spec["runner"]
    kept = "".join(path.read_text() for path in folder.rglob("*.json"))
    assert SECRET not in done.stdout + kept


def test_runners_leave_their_summaries_in_a_volume_from_which_they_are_collected(folder):
    done = chamiperf("render", *LOAD, "--volume", "results-claim", "--spread")
    _, run = yaml.safe_load_all(done.stdout)
    runner = run["spec"]["runner"]
    assert runner["volumes"] == [{"name": "results", "persistentVolumeClaim": {"claimName": "results-claim"}}]
    assert runner["volumeMounts"] == [{"name": "results", "mountPath": "/results"}]
    assert {"name": "CHAMIPERF_SUMMARY", "value": "/results/boot-1-*.log"} in runner["env"]
    assert run["spec"]["separate"] is True
    # As the mounted volume then is: a file of each runner, with nothing but the marked line.
    volume = folder / "volume"
    volume.mkdir()
    for index in range(3):
        (volume / f"boot-1-{index + 1}.log").write_text(log_of(part(index)))
    collected = chamiperf("collect", "--name", "boot-1", "--logs", str(volume))
    assert collected.exit_code == 0, collected.output
    found = Run.model_validate_json((folder / "out" / "runs" / "boot_storm.json").read_bytes())
    assert (found.valid, sum(each.requests for each in found.traffic)) == (True, 12_000)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (("--name", "Boot_1"), "cannot name a TestRun"),
        (("--runners", "200", "--scenario", "dhcp_sync_burst"), "cannot be split"),
        (("--scenario", "nothing"), "there is no scenario 'nothing'"),
        (("--seed-file", "elsewhere.json"), "elsewhere.json"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_cannot_be_rendered_is_refused(changes, text):
    done = chamiperf("render", *LOAD, *changes)
    assert text in str(done.exception)


@pytest.mark.usefixtures("folder")
def test_a_credential_needs_a_secret_of_the_cluster():
    done = chamiperf("render", *LOAD[:-2])
    assert "Make one with the keys CHAMICORE_INTERNAL_TOKEN" in str(done.exception)


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ("", "printed no summary"),
        ("level=error msg=oops\n", "printed no summary"),
        (log_of(part(0))[:-40], "cut off"),
        (log_of(part(0))[60:], "printed no summary"),
        (log_of(part(0)) * 2, "more than one summary"),
        (log_of(part(0)).replace('"max_vus": 134', '"max_vus": 135'), "does not match its checksum"),
    ],
)
def test_a_summary_that_was_cut_or_changed_is_refused(log, why):
    found, said = summary_in(log)
    assert found is None
    assert why in said


def test_a_summary_is_found_among_what_else_a_pod_logs():
    found, said = summary_in(log_of(part(1), before="level=warning msg=x\n", after="level=info msg=y\n"))
    assert (found, said) == (part(1), "")


class _Server(BaseHTTPRequestHandler):
    """A cluster's API server, as far as it is asked."""

    def do_POST(self):
        made = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if any(each["metadata"]["name"] == made["metadata"]["name"] and each["kind"] == made["kind"]
               for each in self.server.made):  # fmt: skip
            return self._tell({"kind": "Status", "message": "already exists", "code": 409}, 409)
        if self.server.refuses:
            return self._tell({"kind": "Status", "message": "testruns is forbidden", "code": 403}, 403)
        self.server.made.append(made)
        return self._tell(made, 201)

    def do_GET(self):
        url = urlsplit(self.path)
        if "/testruns/" in url.path:
            stages = self.server.stages
            stage = stages.pop(0) if len(stages) > 1 else stages[0]
            return self._tell({"kind": "TestRun", "status": {"stage": stage} if stage else {}})
        if url.path.endswith("/log"):
            text = self.server.logs[url.path.split("/")[-2]]
            self.send_response(200)
            self.end_headers()
            return self.wfile.write(text.encode())
        assert parse_qs(url.query)["labelSelector"] == ["app=k6,k6_cr=boot-1,runner=true"]
        return self._tell({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [
            {"metadata": {"name": name, "labels": {"job-name": f"boot-1-{number}"}}, "status": {"containerStatuses": [
                {"name": "k6", "image": "x", "imageID": "x", "ready": False, "restartCount": 0,
                 "state": {"terminated": {"exitCode": self.server.codes.get(number, 0)}}}]}}
            for number, name in enumerate(self.server.logs, start=1)]})  # fmt: skip

    def _tell(self, body, status=200):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def cluster(folder):
    """An API server with three runners that are done, and the kubeconfig that leads to it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    server.made, server.stages, server.codes, server.refuses = [], ["", "initialization", "started", "finished"], {}, 0
    server.logs = {f"boot-1-{n + 1}-abcde": log_of(part(n)) for n in range(3)}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
        "users": [{"name": "me", "user": {"token": "t"}}],
    }  # fmt: skip
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def measured(folder):
    return Run.model_validate_json((folder / "out" / "runs" / "boot_storm.json").read_bytes())


def collected(*more):
    assert chamiperf("render", *LOAD).exit_code == 0
    return chamiperf("collect", "--kubeconfig", "kubeconfig", "--name", "boot-1", *more)


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr("chamiperf_ci.steps.k8s._POLL_S", 0.01)


@pytest.mark.usefixtures("at_once")
def test_a_run_is_created_waited_for_and_collected(folder, cluster):
    done = chamiperf("run", *LOAD, "--kubeconfig", "kubeconfig")
    assert done.return_value == 0, done.output
    assert [each["kind"] for each in cluster.made] == ["ConfigMap", "TestRun"]
    starts = [each["value"] for each in cluster.made[1]["spec"]["runner"]["env"] if each["name"].endswith("START_AT")]
    assert len(starts) == 1
    run = measured(folder)
    assert (run.valid, run.fingerprint.shards, run.fingerprint.k6_version) == (True, 3, "1.1.0")
    assert sum(each.requests for each in run.traffic) == 12_000
    assert len(list((folder / "out" / "shards").iterdir())) == 3


@pytest.mark.usefixtures("at_once")
def test_each_step_is_one_json_document(folder, cluster):
    del cluster
    assert [each["kind"] for each in as_json("render", *LOAD)] == ["ConfigMap", "TestRun"]
    assert as_json("run", *LOAD, "--kubeconfig", "kubeconfig") == measured(folder).model_dump(mode="json")
    assert as_json("collect", "--kubeconfig", "kubeconfig", "--name", "boot-1")["run_kind"] == "quick"


def test_a_runner_that_died_leaves_a_run_that_names_it(folder, cluster):
    cluster.codes[2] = 137
    cluster.logs["boot-1-2-abcde"] = log_of(part(1))[:-200]
    assert collected().return_value == 3
    texts = [each.text for each in measured(folder).problems]
    assert any("shard 2 of 3 measured nothing: the runner ended with exit code 137" in text for text in texts)
    assert sum(each.requests for each in measured(folder).traffic) == 8_000


def test_a_runner_without_a_pod_is_a_missing_shard(folder, cluster):
    del cluster.logs["boot-1-3-abcde"]
    assert collected().return_value == 3
    problems = measured(folder).problems
    assert (RunReason.SHARD_MISSING, "shard 3 of 3 is missing: it left no file") in [
        (each.reason, each.text) for each in problems
    ]


def test_a_log_of_another_runner_is_not_taken(folder, cluster):
    cluster.logs["boot-1-3-abcde"] = log_of(part(1))
    assert collected().return_value == 3
    assert any("its summary is of shard 2 of 3" in each.text for each in measured(folder).problems)


@pytest.mark.usefixtures("cluster")
def test_saved_logs_do_as_well(folder):
    logs = folder / "logs"
    logs.mkdir()
    for number in range(3):
        (logs / f"boot-1-{number + 1}.log").write_text(log_of(part(number)))
    assert collected("--logs", str(logs)).return_value == 0
    assert measured(folder).valid


def test_pods_whose_clock_was_set_back_meanwhile_end_no_run_before_it_began(folder):
    logs = folder / "logs"
    logs.mkdir()
    for number in range(3):
        clock = ScriptClock(start_at=None, began_at=1_770_000_000.0, ended_at=1_769_996_400.0)
        (logs / f"boot-1-{number + 1}.log").write_text(log_of(part(number, clock=clock)))
    collected("--logs", str(logs))
    run = measured(folder)
    assert run.contradiction() == ""
    assert run.ended_at == run.started_at


@pytest.mark.parametrize(
    ("stages", "text"), [(["initialization", "error"], "could not be started"), (["started"], "did not end")]
)
@pytest.mark.usefixtures("folder", "at_once")
def test_a_test_run_that_does_not_come_to_its_end_is_said(cluster, stages, text):
    cluster.stages = stages
    done = chamiperf("run", *LOAD, "--kubeconfig", "kubeconfig", "--within", "1s")
    assert text in str(done.exception)


@pytest.mark.usefixtures("folder")
def test_a_cluster_that_refuses_is_an_outside_service_that_failed(cluster):
    cluster.refuses = True
    done = chamiperf("run", *LOAD, "--kubeconfig", "kubeconfig")
    assert (done.exception.exit_code, "testruns is forbidden" in str(done.exception)) == (4, True)


@pytest.mark.usefixtures("folder", "cluster", "at_once")
def test_a_name_that_is_taken_is_refused():
    for _ in range(2):
        done = chamiperf("run", *LOAD, "--kubeconfig", "kubeconfig")
    assert "ConfigMap default/boot-1 is there already" in str(done.exception)


@pytest.mark.usefixtures("folder")
def test_without_a_cluster_there_is_one_line():
    assert chamiperf("render", *LOAD).exit_code == 0
    done = chamiperf("collect", "--kubeconfig", "nowhere", "--name", "boot-1")
    assert (done.exception.exit_code, "no cluster is configured" in str(done.exception)) == (2, True)


def test_a_cluster_that_is_away_does_not_answer(folder, cluster):
    assert chamiperf("render", *LOAD).exit_code == 0
    text = (folder / "kubeconfig").read_text()
    (folder / "kubeconfig").write_text(text.replace(str(cluster.server_address[1]), "1"))
    done = chamiperf("collect", "--kubeconfig", "kubeconfig", "--name", "boot-1")
    assert (done.exception.exit_code, "does not answer" in str(done.exception)) == (4, True)
