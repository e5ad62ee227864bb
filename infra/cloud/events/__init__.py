"""What makes other things happen: rules, schedules, alarms, queues, streams, buckets, topics.

Limit: one account; targets are functions, queues, topics, state machines, streams, buses and logs.
"""
