"""A playground in a real AWS account: made behind guard rails, taken down with proof.

    caller = account.look(profile, region)          who we are there; refuses root keys
    run = runs.draft(caller, limit, mail)           its name and tag; `keep` writes it, first
    playground.make(reach, run)                     budget, desk role, one bucket; may be run again
    sweep.down(reach, run)                          destroys, looks again, returns what is left

Limit: one account and one region a run; the services of `kinds`. It writes no credentials.
"""

PROFILE = "cloud-ai-ladder"  # the name under which SDKs find the playground
