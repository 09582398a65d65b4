"""Refreshes the data: when, where and how."""
