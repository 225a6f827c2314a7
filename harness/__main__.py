"""`python -m harness` is the same program as `harness`."""

from harness.contract import own_packages

if __name__ == "__main__":
    own_packages.come_first()  # before anything of `conformance` is imported

    from harness.cli.main import main

    main()
