"""Reading settings: their types, the environment, `.env`, and which values are secret."""
