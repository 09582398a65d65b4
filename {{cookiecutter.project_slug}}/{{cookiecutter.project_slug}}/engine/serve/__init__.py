"""Starting and stopping: the command line, waitress and gunicorn."""
