"""Every command in a block of a page is run, in a repository such as the page's reader has; what is not run says why.

A block keeps what it does and loses its size: `SMALLER` says how. Whether a load of two seconds is judged depends on
the machine, so such commands may end with a verdict's codes as well; a line that needs a judged run finds one that was
made by arithmetic.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from made_runs import made_run

from chamicore_standin import lifecycle
from chamiperf_ci.adapters.files import write_document
from chamiperf_ci.models.target import StackOptions

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "k6/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
]

NOT_RUN = {
    "make demo": "takes minutes; tests/test_demo.py",
    "make test": "is what runs this",
    "make try-workflow": "takes minutes; the same harness as tests/workflows",
    "python3 -m venv ~/.chamiperf": "serves the line after it",
    "~/.chamiperf/bin/pip install": "needs GitHub; make release-check installs the wheel",
    "chamiperf drill": "takes eight loads; tests/steps/drill and tests/workflows",
    "chamiperf load --target embedded --profile demo --remote-write": "needs a Prometheus; tests/observability",
    "pip install": "needs GitHub; make release-check installs the wheel",
    "CHAMICORE_TEST_SMD_URL=http://127.0.0.1:27779": "needs a running OpenCHAMI; make test-openchami",
    "sysctl -w": "changes the machine's kernel",
    "pip download": "needs a package index",
}
"""How a command begins, and why it is not run here."""

SMALLER = {
    r"--nodes \d+": "--nodes 50",
    r"--profile (full|quick)": "--profile demo",
    # An installation from GitHub knows this by itself.
    r"^chamiperf init": f"chamiperf init --toolkit octo/chamiperf-ci@{'c0ffee' * 6}c0ff",
    # What a page leaves to the reader.
    "--toolkit OWNER/chamiperf-ci@COMMIT": f"--toolkit octo/chamiperf-ci@{'c0ffee' * 6}c0ff",
    r"(CHAMICORE_TEST_\w+_URL)=http://127\.0\.0\.1:\d+": r'\1="$HERE_\1"',
    r"(CHAMICORE_\w*TOKEN)=\.\.\.": r'\1="$HERE_TOKEN"',
}
SETTINGS = {
    "CHAMIPERF_IN_LOAD_VUS": "2",
    "CHAMIPERF_IN_LOAD_SUSTAINED": "2s",
    "CHAMIPERF_IN_LOAD_RAMP_UP": "0",
    "CHAMIPERF_IN_LOAD_SPIKE": "0",
    "CHAMIPERF_IN_LOAD_COOLDOWN": "0",
    "CHAMIPERF_IN_CONFIRM_MIN_GAP": "0",
    "CHAMIPERF_IN_STACK_UP_PORTS": "ephemeral",
}

JUDGES = re.compile(r"chamiperf (load|compare|confirm)\b")
NEEDS_A_JUDGED_RUN = re.compile(r"chamiperf (baselines init|update-baseline propose)\b")
NIGHT = "chamiperf load --target lab --profile demo\nchamiperf compare"
BEFORE = {
    "chamiperf confirm --target lab --scenario boot_storm --by repeats": NIGHT,
    "chamiperf seed --target old --nodes": f"chamiperf seed --target lab --nodes 50\n{NIGHT}",
    "chamiperf seed --target old --remove": "chamiperf seed --target lab --remove",
}
"""What a page presupposes in words: here the night's artifact in `out`, and the nodes of the new side."""


@dataclass(frozen=True)
class Command:
    """One command of a block, and the lines that the page shows as its output."""

    text: str
    shown: tuple[str, ...] = ()

    @property
    def is_run(self):
        """Whether it is run here."""
        return not any(self.text.startswith(start) for start in NOT_RUN)


def commands_of(block):
    """The commands of a block; in one with prompts, the other lines are output."""
    lines = [line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip()]
    if not any(line.startswith("$ ") for line in lines):
        return [Command(line) for line in lines]
    found = []
    for line in lines:
        if line.startswith("$ "):
            found.append(Command(line[2:]))
        else:
            found[-1] = Command(found[-1].text, (*found[-1].shown, line))
    return found


BLOCKS = [
    (f"{page.relative_to(ROOT)}: {commands[0].text}", commands)
    for page in PAGES
    for block in re.findall(r"(?ms)^ *```(?:sh|bash|console)\n(.*?)^ *```", page.read_text())
    if (commands := commands_of(block))
]
ALL = [command.text for _, commands in BLOCKS for command in commands]


@pytest.mark.parametrize("start", [*NOT_RUN, *BEFORE])
def test_what_is_told_of_a_command_is_told_of_one_on_a_page(start):
    assert [text for text in ALL if text.startswith(start)]


@pytest.mark.parametrize("pattern", SMALLER)
def test_what_is_made_smaller_stands_on_a_page(pattern):
    assert [text for text in ALL if re.search(pattern, text)]


def script_of(commands, made):
    """A shell script that ends with 99, and says why, at the first command that does not do what the page says."""
    lines = [
        "expect() { # its exit code, those it may end with, what it was",
        '  case " $2 " in *" $1 "*) ;; *) echo "ended with $1: $3" >&2; exit 99 ;; esac',
        "}",
    ]
    for command in commands:
        if not command.is_run:
            continue
        text = command.text
        for pattern, put in SMALLER.items():
            text = re.sub(pattern, put, text)
        if NEEDS_A_JUDGED_RUN.match(text):
            lines.append(f"mkdir -p out/runs; cp {made} out/runs/boot_storm.json")
        lines += [before for start, before in BEFORE.items() if command.text.startswith(start)]
        # In the same shell, for it may export.
        lines += [f"{{ {text}", "} >printed"]
        lines.append(f"expect $? '{'0 1 3' if JUDGES.match(text) else '0'}' {shlex.quote(text)}")
        if command.shown:
            lines.append(f"printf '%s\\n' {shlex.join(command.shown)} | diff - printed >&2")
            lines.append(f"expect $? 0 {shlex.quote('what is printed by ' + text)}")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def stacks(tmp_path_factory):
    """Two stacks for all blocks; the environment that describes the first, and the targets file of both."""
    folders = {name: tmp_path_factory.mktemp("stacks") / name for name in ("lab", "old")}
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text("of-both")
    try:
        states = {
            name: lifecycle.up(StackOptions(ports="ephemeral"), state_dir=folder, internal_token="of-both")
            for name, folder in folders.items()
        }
        urls = {name: lifecycle.environment(state) for name, state in states.items()}
        targets = "".join(
            # A site's page gives the credential by a variable, and two would be one too many.
            ("" if target == "site" else f'[targets.{target}]\ninternal_token_file = "{token}"\n')
            + f"[targets.{target}.services]\n"
            + "".join(
                f'{service} = "{urls[name][f"CHAMICORE_TEST_{variable}_URL"]}"\n'
                for service, variable in (("auth", "AUTH"), ("smd", "SMD"), ("bss", "BSS"), ("cloud-init", "CLOUDINIT"))
            )
            for target, name in (("lab", "lab"), ("site", "lab"), ("staging", "lab"), ("old", "old"))
        )
        here = {f"HERE_{name}": value for name, value in urls["lab"].items() if name.startswith("CHAMICORE_TEST")}
        yield here, targets
    finally:
        for folder in folders.values():
            lifecycle.down(folder)


@pytest.fixture(scope="module")
def shell(tmp_path_factory, stacks):
    """Runs a script in a repository of its own, as a reader's: cloned, with nights, baselines and targets."""
    here, targets = stacks
    folder = tmp_path_factory.mktemp("reader")
    made, home = folder / "made.json", folder / "home"
    home.mkdir()
    write_document(made, made_run())
    identity = {
        f"GIT_{role}_{what}": "reader@example.test" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "CHAMI", "GITHUB_"))},
        **identity, **SETTINGS, **here,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(home), "HERE_TOKEN": "of-both",
    }  # fmt: skip

    def run(where, script):
        """Run it; the place of the stack that it may start is beside the repository."""
        state = where.parent / f"{where.name}-stack"
        try:
            return subprocess.run(
                ["bash", "-c", script], cwd=where, check=False, capture_output=True, text=True, timeout=200,
                env={**environment, "CHAMIPERF_STATE_DIR": str(state)},
            )  # fmt: skip
        finally:
            lifecycle.down(state)

    template = folder / "repository"
    template.mkdir()
    (template / "chamiperf.toml").write_text(targets)
    shutil.copy(ROOT / "baselines.json", template)
    prepared = run(template, f"""set -e
git init --quiet --initial-branch=main
git init --quiet --bare ../remote.git
git remote add origin "$PWD/../remote.git"
chamiperf init --toolkit octo/chamiperf-ci@{'c0ffee' * 6}c0ff
git add --all; git commit --quiet --message First; git push --quiet --set-upstream origin main
chamiperf history add --runs {made} --history nights
chamiperf history add --runs {made} --history-branch chamiperf-data
""")  # fmt: skip
    assert prepared.returncode == 0, prepared.stderr

    def read(commands, where):
        """Do what a block says."""
        shutil.copytree(template, where)
        return run(where, script_of(commands, made))

    return read


def drives(commands):
    """Whether a block drives a load."""
    return any(re.search(r"chamiperf (load|confirm|drill)\b", command.text) for command in commands if command.is_run)


@pytest.mark.e2e
@pytest.mark.parametrize(
    "commands",
    [
        # Loads take their time, and those of a new user's page are alike.
        pytest.param(
            commands,
            id=name,
            marks=pytest.mark.thorough if drives(commands) and not name.startswith("docs/your-stack.md") else (),
        )
        for name, commands in BLOCKS
        if any(command.is_run for command in commands)
    ],
)
def test_the_commands_of_a_block_do_what_the_page_says(commands, shell, tmp_path):
    ran = shell(commands, tmp_path / "repository")
    assert ran.returncode == 0, ran.stdout + ran.stderr
