"""Handlers written for aiosmtpd, unchanged, on heloise's engine: import from `heloise.aiosmtpd` in place of `aiosmtpd`.

    from heloise.aiosmtpd.controller import Controller
    from heloise.aiosmtpd.handlers import Sink

aiosmtpd itself need not be installed. What differs is in docs/migration.md. To read in this order: `sessions`,
`statuses`, `verbs`, `authenticating`, `receiver`, `smtp`, `controller`, `handlers`, `main`.
"""
