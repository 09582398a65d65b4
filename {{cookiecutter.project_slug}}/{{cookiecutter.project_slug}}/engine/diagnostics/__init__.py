"""What operators see when something goes wrong: errors and logs, without secrets."""
