"""Cuts the list of a domain's geometries short for a library that needs long for each: most compile for each anew."""

from __future__ import annotations

from collections import defaultdict

from conformance.checks.values_domain import DOMAIN
from conformance.run.results import BackendResult, CaseResult, CheckKey

_FIRST = 40  # geometries of a domain that are judged in any case
_LONG = 0.2  # seconds for a geometry, of which plain loops in Python need a tenth


class ShortDomain:
    """Of one run. The list has the most telling ones first: the first 40 see 94 % of what all see."""

    def __init__(self, result: BackendResult) -> None:
        self._result = result
        self._out: dict[CheckKey, list[CaseResult]] = defaultdict(list)
        self._judged: dict[CheckKey, list[CaseResult]] = defaultdict(list)

    def leaves_out(self, case_result: CaseResult) -> bool:
        """Whether the case is not to be run, as the first ones of its op and dtype took too long."""
        key = case_result.key
        if key.check_id != DOMAIN:
            return False
        judged = self._judged[key]
        if len(judged) >= _FIRST and sum(one.seconds for one in judged[:_FIRST]) > _FIRST * _LONG:
            self._out[key].append(case_result)
            return True
        judged.append(case_result)
        return False

    def close(self) -> None:
        """Take what was left out off the plan, and say so."""
        left_out = {id(one) for several in self._out.values() for one in several}
        self._result.cases = [one for one in self._result.cases if id(one) not in left_out]
        for key, several in self._out.items():
            each = sum(one.seconds for one in self._judged[key][:_FIRST]) / _FIRST
            count = len(self._judged[key])
            self._result.notes.append(
                f"{key}: {count} of {count + len(several)} geometries, as each takes {each:.2g} s; "
                "a library that compiles for each?"
            )
