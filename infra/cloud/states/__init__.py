"""Step Functions: moto's interpreter, led through the front door. Limit: what moto parses."""
