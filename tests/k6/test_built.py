"""What `load` runs is built from the scripts as they are now. Needs no node."""

import hashlib

from k6_runs import SCRIPTS

PATTERNS = ("*.js", "lib/*.js", "dialects/*.json", "scenarios.json", "rollup.config.mjs")


def test_the_built_scripts_are_those_of_the_present_sources():
    lines = (SCRIPTS / "built" / "sources.sha256").read_text().splitlines()
    stated = {name: digest for digest, name in (line.split("  ") for line in lines)}
    sources = [path for pattern in PATTERNS for path in SCRIPTS.glob(pattern)]
    found = {str(path.relative_to(SCRIPTS)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sources}
    assert found == stated, "run: make k6-built"


def test_every_script_is_built():
    assert {path.stem for path in (SCRIPTS / "built").glob("*.js")} == {path.stem for path in SCRIPTS.glob("*.js")}
