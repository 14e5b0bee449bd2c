"""How each command ends: the exit code of invocations that need neither a stack nor GitHub, as they were recorded.

Each runs in a folder of its own with the documents of `tests/golden/v1`, as a laptop has them after a night, and the
kept cases of `tests/cases`.
`UPDATE_GOLDEN=1` writes the recording anew.
"""

import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import golden
import pytest

from chamiperf_ci.__main__ import main

ROOT = Path(__file__).resolve().parents[2]
RECORDED = Path(__file__).parent / "golden" / "exit-codes.txt"

INVOCATIONS = """
--help
--version

-h load
frobnicate
compar
--frobnicate
load --help
load
load --dry-run
load --dry-run --scenario all --profile full
load --dry-run --scenario boot_storm --scenario database_stress --profile demo
load --dry-run --scenario nowhere
load --dry-run --profile nowhere
load --dry-run --target nowhere
load --dry-run --bss-url bss:80
load --dry-run --network 10.0.0.0/33
load --dry-run --environment 'a b'
load --dry-run --pairs 2
load --dry-run --pairs 2 --against nowhere
load --dry-run --set nothing
load --dry-run --set nothing=1
load --dry-run --vus 0
load --dry-run --vus many
load --dry-run --vus 10 --sustained 10s --spike 0 --ramp-up 0 --cooldown 0
load --dry-run --rate 0
load --dry-run --sustained soon
load --dry-run --settle 0
load --dry-run --settle 0m
load --dry-run --windows 101
load --dry-run --brake-share 2
load --dry-run --kind other
load --dry-run --connections none
load --dry-run --iterations 0
load --dry-run --herd
load --dry-run --frobnicate
load --bss-url http://127.0.0.1:1 --k6 no-such-k6
load --bss-url http://bss.prod.example --smd-url http://127.0.0.1:1
load --target embedded
seed
seed --remove --sweep
seed --run-id x
seed --older-than 1h
seed --nodes 0
seed --target embedded
seed --bss-url http://127.0.0.1:1
seed --smd-url http://prod.example --bss-url http://127.0.0.1:1 --cloud-init-url http://127.0.0.1:1
seed --smd-url http://127.0.0.1:1 --bss-url http://127.0.0.1:1 --cloud-init-url http://127.0.0.1:1
smoke
smoke --smd-url http://127.0.0.1:1
smoke --smd-url http://127.0.0.1:1 --deadline 0s
smoke --credential other
smoke --internal-token-file nowhere --smd-url http://127.0.0.1:1
wait
wait --smd-url http://127.0.0.1:1 --timeout 200ms
wait --timeout -1
lock show
lock show --smd-url http://127.0.0.1:1
lock acquire --for never --smd-url http://127.0.0.1:1
lock frobnicate
stack status
stack down
stack up --workers 0
stack fault list
stack fault set --service bss
stack fault set --latency-ms 5
compare
compare --baselines nowhere.json
compare --runs nowhere
compare --runs empty
compare --runs baselines.json
compare --runs out/verdict.json
compare --baselines out/verdict.json
compare --format json
compare --gate adr
compare --gate strict
compare --fail-on drift
compare --fail-on noise
compare --explain p99
compare --explain p42
compare --history nowhere
compare --history history
compare --out out/verdict.json
compare --runs torn.json
compare --runs torn.json --baselines nowhere.json
compare --baselines cases/files/base-dup-p99.json
compare --baselines cases/files/base-dup-scenario.json
compare --runs cases/files/run-traversal.json
compare --runs cases/files/all-failed-run.json
compare --runs cases/comment/forged-sentences.json
confirm
confirm --max-scenarios 0
confirm --max-scenarios 9
confirm --by luck
confirm --min-gap 0m
confirm --verdict nowhere.json
report
report --verdict nowhere.json
report --verdict torn.json
report --verdict cases/comment/forged-sentences.json
report --frobnicate
comment
comment --pull-request 0
comment --repository nobody
alert
alert --watch
alert --verdict nowhere.json
drill
drill --effect 0
drill --runs 7
demo --nodes 10
demo --slow other
baselines
baselines check
baselines check --baselines nowhere.json
baselines check --baselines torn.json
baselines format
baselines import
baselines import --from nowhere.json
baselines init
baselines init --link https://example.com/1 --runs nowhere
baselines init --link https://example.com/1 --who me --baselines new.json
baselines init --link https://example.com/1 --who me --baselines new.json --runs cases/files/all-failed-run.json
history
history add --history history
history list
history list --history history
history list --history history --kind other
history list --history history --since yesterday
history show --history history --run nothing
history show --history history
history export --history history
history export --history history --format xml
history trend --history history
history trend --history cases/history/doubled-nights-without-baseline
history list --history cases/history/doubled-nights-without-baseline
history export --history cases/history/doubled-nights-without-baseline
alert --watch --history cases/history/doubled-nights-without-baseline --dry-run --repository me/mine
update-baseline
update-baseline propose
update-baseline propose --reason slower --who me
update-baseline propose --reason slower --who me --runs nowhere
update-baseline apply
update-baseline apply --patch nowhere.json
update-baseline retire
update-baseline retire --key nothing
update-baseline pull-request --reason slower
"""

AS_A_PROCESS = (
    "--version",
    "frobnicate",
    "load --dry-run --scenario nowhere",
    "smoke --smd-url http://127.0.0.1:1",
    "wait --smd-url http://127.0.0.1:1 --timeout 200ms",
    "compare",
    "compare --runs empty",
    "report --verdict nowhere.json",
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder as a night leaves it, and no stack."""
    _prepare(tmp_path)
    monkeypatch.setenv("CHAMIPERF_STATE_DIR", str(tmp_path / "no-stack"))
    return tmp_path


def _prepare(folder):
    documents = Path(golden.__file__).parent / "golden" / "v1"
    (folder / "out" / "runs").mkdir(parents=True)
    (folder / "history").mkdir()
    (folder / "empty").mkdir()
    shutil.copy(documents / "run.json", folder / "out" / "runs" / "boot_storm.json")
    shutil.copy(documents / "verdict.json", folder / "out" / "verdict.json")
    shutil.copy(documents / "baselines.json", folder / "baselines.json")
    text = (documents / "run.json").read_text(encoding="utf-8")
    (folder / "cases").symlink_to(documents.parents[1] / "cases")
    (folder / "torn.json").write_text(text[: len(text) // 2], encoding="utf-8")


def test_every_invocation_ends_as_it_ended(folder, monkeypatch, capsys):
    lines = []
    for number, invocation in enumerate(INVOCATIONS.strip().splitlines()):
        own = folder / str(number)
        own.mkdir()
        _prepare(own)
        monkeypatch.chdir(own)
        with pytest.raises(SystemExit) as ended:
            main(shlex.split(invocation))
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err, invocation
        lines.append(f"{ended.value.code}  chamiperf {invocation}".rstrip())
    golden.check(RECORDED, "\n".join(lines) + "\n")


def test_a_process_ends_with_the_same_code(folder):
    recorded = dict(line.split("  ", 1)[::-1] for line in RECORDED.read_text(encoding="utf-8").splitlines())

    def code(invocation):
        return subprocess.run(
            [sys.executable, "-m", "chamiperf_ci", *shlex.split(invocation)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            timeout=60,
            check=False,
        ).returncode

    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(AS_A_PROCESS, pool.map(code, AS_A_PROCESS), strict=True))
    assert found == {invocation: int(recorded[f"chamiperf {invocation}"]) for invocation in AS_A_PROCESS}
