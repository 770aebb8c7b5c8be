"""Programs of others that look at mail on its way in and may change it: milters, rspamd.

Each is a `heloise.policy.filter.Filter`; what is said on their connections is read and written by pure modules.
"""
