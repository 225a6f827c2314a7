"""The questions: one function a check, which raises `Failed` with what is wrong; files are named as families of ids.

Checks register themselves as their modules are loaded, and are run and shown in that order: this one.
"""

import conformance.checks.contract.form  # isort: skip
import conformance.checks.values  # isort: skip
import conformance.checks.values_special  # isort: skip
import conformance.checks.law_between_ops  # isort: skip
import conformance.checks.law_between_geometries  # isort: skip
import conformance.checks.contract.pooling  # isort: skip
import conformance.checks.contract.memory  # isort: skip
import conformance.checks.contract.nonfinite  # isort: skip
import conformance.checks.contract.sequences  # isort: skip
import conformance.checks.contract.state  # isort: skip
import conformance.checks.external  # isort: skip
import conformance.checks.higher_tiers  # isort: skip
import conformance.checks.errors  # noqa: F401  # isort: skip
