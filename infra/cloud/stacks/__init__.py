"""CloudFormation: templates, stacks, change sets and drift over the services of this cloud.

Limit: the resource types of `kinds.KINDS`; others are refused by name. No nested stacks, macros,
custom resources, hooks, stack policies or stack sets.
"""
