"""Refreshing the data: when, where and how."""
