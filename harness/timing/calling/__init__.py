"""What a measuring child does: it loads backends, holds sets of inputs, calls and times. It knows no expected value."""
