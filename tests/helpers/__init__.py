"""Helpers for the template's tests: rendering, serving, browsing, databases."""
