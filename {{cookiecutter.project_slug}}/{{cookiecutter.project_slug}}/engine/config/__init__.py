"""Reading the settings: types, environment variables, `.env`, and which values are secret."""
