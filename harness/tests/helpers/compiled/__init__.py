"""What tests of compiled backends share: processes of their own, layers that take every way, threads for small ones."""
