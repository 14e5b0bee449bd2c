"""What the chat hears when no issue remembers what was told before."""

from datetime import date

import pytest

from chamiperf_ci.models.history import AlertLine
from chamiperf_ci.steps.alerts.decide import Channels, deliver
from chamiperf_ci.steps.alerts.findings import AlertFinding, JudgedNight

DAY = date(2026, 3, 14)
LINE = AlertLine(name="bootscript p99", what="regression", says="slower", since=DAY)


class Chat(list):
    """Notes what it hears."""

    def post(self, text):
        """Take a message."""
        self.append(text)


@pytest.mark.parametrize("night", ["the first", "the same again"])
def test_a_chat_without_issues_hears_each_night_and_that_it_may_be_known(night):
    chat = Chat()
    deliver(
        JudgedNight("lab", DAY, (AlertFinding("boot_storm", (LINE,)),), sentence=night),
        Channels(lambda _: None, webhook=chat),
    )
    assert chat == [
        f"*lab*: {night}\n• no issue remembers this, so it may be known: boot_storm: bootscript p99 (regression)"
    ]
