"""What `load` runs is built from the scripts as they are now. Needs no node."""

import hashlib

from k6_runs import SCENARIOS, SCRIPTS


def test_the_built_scripts_are_those_of_the_present_sources():
    lines = (SCRIPTS / "built" / "sources.sha256").read_text().splitlines()
    stated = {name: digest for digest, name in (line.split("  ") for line in lines)}
    sources = [*SCRIPTS.glob("*.js"), *SCRIPTS.glob("lib/*.js"), SCRIPTS / "api.json", SCRIPTS / "rollup.config.mjs"]
    found = {str(path.relative_to(SCRIPTS)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sources}
    assert found == stated, "run: make k6-built"


def test_every_scenario_is_built():
    assert {path.stem for path in (SCRIPTS / "built").glob("*.js")} == set(SCENARIOS)
