"""Proposes settings for a source: how it is written, its times, its shape."""
