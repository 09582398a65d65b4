"""A live dashboard: read, clean and draw on a schedule, served by waitress."""
