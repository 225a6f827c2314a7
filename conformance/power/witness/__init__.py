"""The smallest case that shows a fault which the suite does not see."""
