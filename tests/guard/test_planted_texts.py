"""Every fault that `make planted` plants still has its place in the package, and its tests are there."""

from collections import Counter

from tools.planted import FAULTS, ROOT, package_texts


def test_each_faults_text_stands_in_the_package_once():
    package = "\0".join(package_texts().values())
    found = {fault.name: package.count(fault.old) for fault in FAULTS}
    assert {name: times for name, times in found.items() if times != 1} == {}, "mend the row in tools/planted.py"


def test_each_faults_tests_are_there():
    assert [test for fault in FAULTS for test in fault.tests.split() if not (ROOT / "tests" / test).is_file()] == []


def test_no_two_faults_have_one_name():
    assert [name for name, times in Counter(fault.name for fault in FAULTS).items() if times > 1] == []
