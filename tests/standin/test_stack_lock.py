"""One starting or stopping command at a time, also while another takes the lock's file away."""

import threading

from chamicore_standin import catalogue, lifecycle


def test_who_waited_for_a_stack_that_went_away_holds_a_lock_that_others_see(tmp_path):
    waiting, seen = threading.Event(), []

    def comes_second():
        waiting.set()
        with lifecycle.alone(tmp_path):
            seen.append((tmp_path / catalogue.LOCK_FILE).exists())

    second = threading.Thread(target=comes_second)
    with lifecycle.alone(tmp_path):
        second.start()
        assert waiting.wait(20)
        second.join(0.3)
        (tmp_path / catalogue.LOCK_FILE).unlink()
    second.join(20)
    assert seen == [True]
