"""The suite in your own tests: one test for every check, op and dtype. There is neither plugin nor fixture.

pytest docs/examples/test_smallest.py
"""

from conformance.pytest_suite import ConformanceSuite


class TestSmallest(ConformanceSuite):
    backend = "smallest.py"  # beside this file; a module, a class or an object will do too
    tier = 0  # seconds; leave it out for the whole suite
