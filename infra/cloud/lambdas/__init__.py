"""Lambda: moto keeps the functions, we run them. Limit: Python functions in zip packages."""
