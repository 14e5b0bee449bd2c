"""What judging a night imports, watched in a fresh interpreter: `compare` has a second, imports included."""

import json
import subprocess
import sys


def test_judging_a_night_needs_the_standard_library_alone():
    script = "import json, sys, chamiperf_ci.verdict.night\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    roots = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert roots & {"numpy", "scipy", "pydantic", "statistics", "decimal"} == set()
