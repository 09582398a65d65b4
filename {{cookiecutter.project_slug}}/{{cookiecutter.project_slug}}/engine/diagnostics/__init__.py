"""What operators see when something goes wrong: errors and log lines without secrets."""
