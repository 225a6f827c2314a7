"""The questions: one function a check, which raises what is wrong.

Checks register themselves as their modules are loaded, and are run and shown in that order: this one.
"""

import conformance.checks.form  # isort: skip
import conformance.checks.values  # isort: skip
import conformance.checks.laws  # isort: skip
import conformance.checks.relations  # isort: skip
import conformance.checks.memory  # isort: skip
import conformance.checks.sequences  # isort: skip
import conformance.checks.external  # isort: skip
import conformance.checks.higher_tiers  # isort: skip
import conformance.checks.errors  # noqa: F401  # isort: skip
