"""Serving the page: live updates, shared views, and who may see what."""
