"""`python -m harness` is the same program as `harness`."""

import sys

from harness.contract import own_packages

if __name__ == "__main__":
    own_packages.come_first()  # before anything of `conformance` is imported
    if getattr(sys.modules["harness"], "__file__", None) is None:
        # Python has taken a folder `harness` in the current folder, without an __init__.py, for a part of our package.
        for _name in [name for name in sys.modules if name.partition(".")[0] == "harness"]:
            del sys.modules[_name]

    from harness.cli.main import main

    main()
