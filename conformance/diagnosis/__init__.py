"""Why a case failed: where it is wrong, which mistake gives just that, what libraries say, a script that shows it."""
