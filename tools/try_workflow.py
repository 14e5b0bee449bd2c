"""Runs a workflow that `chamiperf init` wrote on this machine, with `act` in host mode and stand-ins of GitHub.

    python -m tools.try_workflow REPOSITORY [NAME]

A copy of the repository is run with the toolkit of this clone, and nothing leaves the machine: GitHub's API and the
actions for checkout and artifacts are the stand-ins of tests/workflows.
"""

import argparse
import html
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "workflows")]

import github_standin  # noqa: E402 - found by the line above
import harness  # noqa: E402

PLACE = ROOT / "out" / "try"


def main() -> int:
    """Run it; the exit code is act's."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("repository", type=Path, help="a git repository in which `chamiperf init` was called")
    parser.add_argument("name", nargs="?", default="nightly", help="a workflow that init wrote (default: nightly)")
    given = parser.parse_args()
    # `make REPOSITORY=~/here` leaves the tilde as it is in some shells.
    given.repository = given.repository.expanduser()
    file = given.repository / ".github" / "workflows" / f"chamiperf-{given.name}.yml"
    if not file.is_file():
        parser.error(f"{file} does not exist. Write it there: chamiperf init --workflows {given.name}")
    try:
        names = listed(given.repository)
    except subprocess.CalledProcessError as error:
        parser.error(f"git cannot read {given.repository}: {error.stderr.strip()}")
    for folder in ("run", "toolkit"):
        shutil.rmtree(PLACE / folder, ignore_errors=True)
    (PLACE / "run").mkdir(parents=True)
    adopter = harness.Adopter(PLACE / "run", harness.copy_toolkit(PLACE / "toolkit"), PLACE / "cache").create()
    copy(given.repository, names, adopter.repository)
    runs = {1: {"event": "schedule", "head_branch": "main", "head_sha": "c" * 40}}
    known = github_standin.StandIn(workflows={"chamiperf-nightly.yml": "active"}, runs=runs)
    print(f"Running {file.name}; the log is {adopter.folder / 'printed'}", flush=True)
    with github_standin.serve(known) as hub:
        adopter.variables["GITHUB_API_URL"] = hub.base_url
        adopter.secrets["GITHUB_TOKEN"] = known.repository
        ran = adopter.run(f"{given.name}.yml")
    for job, ended in ran.jobs.items():
        print(f"\n== {job}: {ended} after {ran.seconds[job]} s\n\n{plain(ran.summaries.get(job, ''))}")
    for what, written in (("issue", hub.issues), ("pull request", hub.pulls), ("comment", hub.comments)):
        for each in written:
            print(f"\n== {what}: {each.get('title', '')}\n\n{each['body']}")
    print(f"\nThe artifacts are in {ran.artifacts}")
    return ran.code


def plain(summary: str) -> str:
    """What a reader sees before anything is opened; act hands over twice what a step of an action wrote."""
    text = re.sub("(?s)<details>.*?</details>", "", summary)
    text = html.unescape(re.sub("</?[a-z][^>]*>", "", text))
    return "\n\n".join(dict.fromkeys(filter(None, (part.strip() for part in text.split("\n\n")))))


def listed(repository: Path) -> list[str]:
    """The files that git would commit, committed or not.

    Raises:
        CalledProcessError: Git knows no repository there.
    """
    words = ["git", "-C", str(repository), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    return list(filter(None, ran.stdout.split("\0")))


def copy(repository: Path, names: list[str], to: Path) -> None:
    """Copy files with their folders."""
    for name in names:
        if (repository / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(repository / name, to / name)


if __name__ == "__main__":
    sys.exit(main())
