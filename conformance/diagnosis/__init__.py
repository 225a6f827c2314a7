"""Why a case failed: where it is wrong, which mistake gives just that, and a script that shows it."""
