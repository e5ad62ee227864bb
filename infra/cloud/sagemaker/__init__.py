"""SageMaker, our own: jobs, endpoints, transforms and a model registry that really run programs.

What this package has no operation for stays in moto as a record; what would only pretend to have
run something is refused. Limit: one instance a job or variant; see docs/reference/cloud-compute.md.
"""
