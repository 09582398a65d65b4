"""What the template's tests share: rendering, serving, watching in a browser, databases."""
