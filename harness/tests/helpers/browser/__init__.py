"""A real browser for tests of the pages: the system's Chromium, driven by selenium, without any network."""
