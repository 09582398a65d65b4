"""Alerts: messages when a series crosses a limit, data turn stale or refreshes fail."""
