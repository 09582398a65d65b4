"""What a viewer sees: a module for each page."""
