"""Says whether a machine can run the backends of a GPU at all: `python -m harness.cli.gpu BACKEND...`.

With at least one available it is silent, even where others are not: those are reported by what is run then.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from harness.contract import registry
from harness.contract.protocol import BackendUnavailable
from harness.contract.targets import resolve
from harness.telling import one_line


def reasons(targets: Sequence[str]) -> dict[str, str]:
    """Why each of the backends cannot be used here; nothing for one that can."""
    found = {}
    for name in targets:
        try:
            target = resolve(name)
            name = target.name
            registry.load(target)
        except (BackendUnavailable, registry.RegistryError) as reason:
            found[name] = one_line(str(reason).partition(";")[0])
    return found


def main(targets: Sequence[str]) -> int:
    """Exit code 3 and one line if none of the backends is available, else 0."""
    lost = reasons(targets)
    if len(lost) < len(targets):
        return 0
    by_reason: dict[str, list[str]] = {}
    for name, reason in lost.items():
        by_reason.setdefault(reason, []).append(name)
    text = "; ".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())
    print(f"harness: nothing was run, no backend of a GPU is available here: {text}", file=sys.stderr)
    return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
