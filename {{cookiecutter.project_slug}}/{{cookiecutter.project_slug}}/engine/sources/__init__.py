"""Building blocks for reading from sources."""
