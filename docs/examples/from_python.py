"""The suite as a call, for scripts and notebooks.

python docs/examples/from_python.py
"""

from pathlib import Path

import conformance

report = conformance.check(Path(__file__).with_name("smallest.py"), ops=["im2col", "col2im"], dtypes=["float32"])
print(report.text())  # .verdict .ok .counts .failures .to_json() .html() .junit() too
report.raise_for_status()  # ConformanceError, unless everything planned was executed and is right
