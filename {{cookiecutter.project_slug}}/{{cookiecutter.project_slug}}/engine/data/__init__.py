"""The data: tables, snapshots, and the stores that hold them."""
