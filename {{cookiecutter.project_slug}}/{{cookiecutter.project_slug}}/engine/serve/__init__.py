"""Starts and stops the server: the command line, waitress and gunicorn."""
