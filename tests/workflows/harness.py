"""Runs the workflows that adopters copy, as they stand, with `act` in host mode, from a repository that is not ours.

What is changed for `act`, and nothing else: `OWNER` and `COMMIT` stay and are mapped to a copy of this toolkit;
`concurrency.queue` is taken out, and `job.workflow_repository`, `job.workflow_sha` and `runner.environment` are filled
in, because `act` knows none of them.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import psutil
import yaml

ROOT = Path(__file__).resolve().parents[2]
STANDINS = Path(__file__).with_name("standins")
RELEASE = "OWNER/chamiperf-ci@COMMIT"
COMMIT = "c0ffee" * 6 + "c0ff"
"""The commit of a release, for what `chamiperf init` writes, which takes no placeholder."""
ADDRESS = "https://github.com/octo/stack.git"
TIMEOUT_S = 840

LAB = """#!/bin/sh
set -e
chamiperf stack up --ports ephemeral --sync-interval 3600 --env-file "$RUNNER_TEMP/lab.env"
. "$RUNNER_TEMP/lab.env"
cat >chamiperf.toml <<END
[targets.lab]
kea = "$CHAMIPERF_KEA_URL"
[targets.lab.services]
auth = "$CHAMICORE_TEST_AUTH_URL"
smd = "$CHAMICORE_TEST_SMD_URL"
bss = "$CHAMICORE_TEST_BSS_URL"
cloud-init = "$CHAMICORE_TEST_CLOUDINIT_URL"
END
"""
LAB_DOWN = """#!/bin/sh
chamiperf lock show --target lab >>"$GITHUB_STEP_SUMMARY"
chamiperf seed --sweep --older-than 1s --dry-run --target lab >>"$GITHUB_STEP_SUMMARY"
exec chamiperf stack down
"""
"""A stack that the workflow knows by its target only, as a deployed one."""


@dataclass
class Ran:
    """How a workflow ended."""

    code: int
    log: str
    """Everything that was printed."""
    summaries: dict
    """Job to its summary."""
    jobs: dict
    """Job to `success` or `failure`; a job that was skipped is absent."""
    steps: dict
    """Step's name to `success` or `failure`; a step that was skipped is absent."""
    artifacts: Path
    seconds: dict
    """Job to how long it took, s; GitHub bills each by the started minute."""


@dataclass
class Adopter:
    """A repository that uses this toolkit, with a bare remote; `toolkit` is a copy of ours."""

    folder: Path
    toolkit: Path
    cache: Path
    variables: dict = field(default_factory=dict)
    secrets: dict = field(default_factory=dict)

    @property
    def repository(self):
        """The working tree."""
        return self.folder / "repository"

    @property
    def artifacts(self):
        """Where the stand-in keeps artifacts."""
        return self.folder / "artifacts"

    def create(self):
        """Make the repository, with nothing in it but what the test writes before `run`."""
        self.repository.mkdir(parents=True)
        self.artifacts.mkdir()
        remote = self.folder / "remote.git"
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
        git(self.repository, "init", "--quiet", "--initial-branch=main")
        # The address is GitHub's, because `act` reads the repository's name from it; git is sent to the bare remote.
        git(self.repository, "remote", "add", "origin", ADDRESS)
        return self

    def become_the_toolkit(self):
        """Be this project's own repository, for its own workflows."""
        shutil.copytree(self.toolkit, self.repository, dirs_exist_ok=True)

    def copy(self, workflow, *, folder="workflows", edit=None):
        """Copy a workflow as an adopter does; `edit` is what an adopter changes in it, old text to new."""
        text = (ROOT / folder / workflow).read_text()
        for old, new in (edit or {}).items():
            assert old in text, f"{workflow} has no {old!r}"
            text = text.replace(old, new)
        self.write(f".github/workflows/{placed(workflow)}", re.sub(r"\n +queue: max(?=\n)", "", text))

    def init(self, *words):
        """Write workflows as `chamiperf init` does; what it printed."""
        ran = subprocess.run(
            [sys.executable, "-m", "chamiperf_ci", "init", "--toolkit", f"octo/chamiperf-ci@{COMMIT}", *words],
            cwd=self.repository, capture_output=True, text=True, check=True,
            env={**clean_environment(), "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        return ran.stdout

    def toolkits(self):
        """The places that workflows of `chamiperf init` name."""
        texts = [file.read_text() for file in (self.repository / ".github" / "workflows").glob("chamiperf-*.yml")]
        named = re.findall(r"uses: ([\w-]+/[\w.-]+)(?:/\S+)?@([0-9a-f]{40}) # v", "".join(texts))
        return sorted({f"{place}@{commit}" for place, commit in named if not place.startswith("actions/")})

    def write(self, path, text, *, executable=False):
        """Put a file into the repository."""
        file = self.repository / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755 if executable else 0o644)

    def deploy_a_lab(self, load):
        """Copy a nightly of a deployed stack, its scripts and its secret; `load` are the inputs of its load."""
        self.secrets["CHAMICORE_INTERNAL_TOKEN"] = "token-of-the-lab"
        self.write("deploy", LAB, executable=True)
        self.write("teardown", LAB_DOWN, executable=True)
        self.copy("nightly.yml", edit={
            "      stack: embedded\n": "      target: lab\n      allow-dhcp: true\n      deploy-script: ./deploy\n"
            "      teardown-script: ./teardown\n",
            "profile: demo": f"profile: demo\n      confirm: none\n      {load}",
            '      vus: "50"\n      sustained: 30s\n': "",
            'nodes: "2000"': 'nodes: "200"',
            "      history-branch: chamiperf-data\n": "",
            "propose-first-baseline: true": "propose-first-baseline: false",
            "      nightly-workflow: chamiperf-nightly.yml": "      # no alerts",
        })  # fmt: skip

    def environment(self):
        """The test's environment, with what the machine has of the adopter's own programs first on its path."""
        environment = clean_environment()
        return {**environment, "PATH": f"{self.folder / 'bin'}{os.pathsep}{environment['PATH']}"}

    def run(self, workflow, *, event="workflow_dispatch", payload=None, arguments=(), meanwhile=None):
        """Commit everything, push it, and run a workflow; `meanwhile` is called with `act`'s process while it runs."""
        git(self.repository, "add", "--all")
        git(self.repository, "commit", "--quiet", "--allow-empty", "--message", "As copied")
        git(self.repository, "push", "--quiet", str(self.folder / "remote.git"), "main")
        machine = {name: self.folder / "machine" / name for name in ("HOME", "TMPDIR", "XDG_RUNTIME_DIR")}
        for folder in machine.values():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        event_file = self.folder / "event.json"
        event_file.write_text(json.dumps(payload or {}))
        variables = {
            **{name: str(path) for name, path in machine.items()},
            "PIP_CACHE_DIR": str(self.cache / "pip"),
            "HARNESS_STANDINS": str(STANDINS),
            "HARNESS_TOOLKIT": str(self.toolkit),
            "HARNESS_ARTIFACTS": str(self.artifacts),
            "HARNESS_REMOTE": str(self.folder / "remote.git"),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{self.folder}/remote.git.insteadOf",
            "GIT_CONFIG_VALUE_0": ADDRESS,
            **self.variables,
        }
        command = [
            str(Path(sys.executable).with_name("act")), event, "--json", "--no-cache-server", "--pull=false",
            "--directory", str(self.repository), "--workflows", f".github/workflows/{placed(workflow)}",
            "--eventpath", str(event_file), "--action-cache-path", str(self.cache), "--defaultbranch", "main",
            "--artifact-server-addr", "127.0.0.1",
            "--platform", "ubuntu-24.04=-self-hosted",
        ]  # fmt: skip
        for place in (RELEASE, *self.toolkits()):
            command += ["--local-repository", f"{place}={self.toolkit}"]
        for action in third_party():
            command += ["--local-repository", f"{action}={STANDINS / action.split('@')[0].split('/')[1]}"]
        for name, value in variables.items():
            command += ["--env", f"{name}={value}"]
        secrets = self.folder / "secrets"
        secrets.write_text("".join(f"{name}={value}\n" for name, value in self.secrets.items()))
        command += ["--secret-file", str(secrets), *arguments]
        printed = self.folder / "printed"
        with (
            printed.open("w") as file,
            subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, env=self.environment()) as act,
        ):
            try:
                if meanwhile:
                    meanwhile(act)
                act.wait(timeout=TIMEOUT_S)
            finally:
                act.kill()
        return read_log(act.returncode, printed.read_text(), self.artifacts)


def placed(workflow):
    """What a workflow of ours is called where an adopter puts it."""
    return f"chamiperf-{workflow}" if (ROOT / "workflows" / workflow).exists() else workflow


def read_log(code, printed, artifacts):
    """What `act --json` printed, in the words of a test."""
    summaries, jobs, steps, times, log = {}, {}, {}, {}, []
    for line in printed.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            log.append(line + "\n")
            continue
        if not str(entry.get("msg", "")).startswith("LocalRepositoryCache"):
            log.append(str(entry.get("msg", "")).rstrip("\n") + "\n")
        job = entry.get("jobID", "")
        if job and "time" in entry:
            times.setdefault(job, []).append(datetime.fromisoformat(entry["time"]))
        if entry.get("command") == "summary":
            summaries[job] = summaries.get(job, "") + entry["content"]
        if "jobResult" in entry:
            jobs[job] = entry["jobResult"]
        if entry.get("stage") == "Main" and "stepResult" in entry and len(entry["stepID"]) == 1:
            steps[entry["step"]] = entry["stepResult"]
    seconds = {job: round((seen[-1] - seen[0]).total_seconds()) for job, seen in times.items() if job in jobs}
    return Ran(code, "".join(log), summaries, jobs, steps, artifacts, seconds)


def third_party():
    """The pinned actions that our workflows and actions use, as `uses:` names them."""
    found = set()
    places = (
        "action.yml",
        ".github/workflows/*.yml",
        "workflows/*.yml",
        "examples/workflows/*.yml",
        "actions/*/action.yml",
    )
    for file in (file for place in places for file in ROOT.glob(place)):
        text = yaml.safe_load(file.read_text())
        jobs = text.get("jobs", {"": {"steps": text.get("runs", {}).get("steps", [])}})
        found |= {step["uses"] for job in jobs.values() for step in job.get("steps", []) if "uses" in step}
    return sorted(uses for uses in found if not uses.startswith((".", "OWNER/")))


def copy_toolkit(to):
    """A copy of what git has of this toolkit, as its working tree stands, changed as the module says."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=True, env=clean_environment(),
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        source = ROOT / name
        if source.is_file() and not name.startswith("tests/"):
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, to / name)
    pipeline = to / ".github" / "workflows" / "pipeline.yml"
    text = pipeline.read_text()
    for old, new in {
        "      queue: max\n": "",
        "job.workflow_repository": "'OWNER/chamiperf-ci'",
        "job.workflow_sha": "'COMMIT'",
        "runner.environment": "env.HARNESS_RUNNER",
    }.items():
        assert old in text
        text = text.replace(old, new)
    pipeline.write_text(text)
    return to


def clean_environment():
    """The test's environment without what a surrounding git or workflow left in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "ACT", "CHAMI"))}


def left_running(folder):
    """The command lines of processes that a run left behind."""
    found = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        words = [*(process.info["cmdline"] or []), *(process.info["environ"] or {}).values()]
        if process.pid != os.getpid() and any(f"{folder}/machine" in word for word in words):
            found.append(" ".join(process.info["cmdline"] or [str(process.pid)]))
    return found


def git(folder, *arguments):
    """Run git as nobody in particular."""
    identity = ["-c", "user.name=adopter", "-c", "user.email=adopter@example.test"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, env=clean_environment())
