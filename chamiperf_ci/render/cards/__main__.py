"""Prints docs/verdicts.md."""

import sys

from chamiperf_ci.render.cards import page

sys.stdout.write(page())
