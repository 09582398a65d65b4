"""Serve with gunicorn, as set in config.toml: gunicorn -c gunicorn.conf.py (not on Windows)."""

from {{ cookiecutter.project_slug }}.engine.serve import gunicorn
from {{ cookiecutter.project_slug }}.schedule import DASHBOARD

globals().update(gunicorn.configure(DASHBOARD, "server:wsgi()"))
