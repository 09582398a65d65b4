"""Building blocks for figures and key figures."""
