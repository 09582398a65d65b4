"""Building blocks for charts and KPIs."""
