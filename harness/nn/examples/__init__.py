"""Plug-ins that are wrong on purpose: what a training run with such a fault looks like."""
