"""Imitates the response of Open-Meteo, so that tests need no internet."""

import json
import math
from datetime import UTC, datetime, timedelta


def weather() -> str:
    """Return hourly values of an invented week, up to now."""
    now = datetime.now(UTC)
    times = [now - timedelta(hours=back) for back in reversed(range(168))]
    sun = [math.sin((time.hour - 9) / 12 * math.pi) for time in times]
    drift = [math.sin(number / 31) for number in range(len(times))]
    gusts = [math.sin(number * 1.7) + math.sin(number * 2.3) for number in range(len(times))]
    rain = [max(0.0, 3 * math.sin(number / 17) + gust - 2) for number, gust in enumerate(gusts)]
    waves = list(zip(sun, drift, gusts, strict=True))
    hourly = {
        "time": [f"{time:%Y-%m-%dT%H:00}" for time in times],
        "temperature_2m": [round(14 + 5 * s + 3 * d + g / 3, 1) for s, d, g in waves],
        "relative_humidity_2m": [round(68 - 14 * s - 6 * d + g) for s, d, g in waves],
        "wind_speed_10m": [round(14 + 4 * s - 6 * d + 2 * g, 1) for s, d, g in waves],
        "precipitation": [round(it, 1) for it in rain],
    }
    return json.dumps({"hourly": hourly})
