"""A plugin for pytest that puts the adapter in the place of aiosmtpd, for aiosmtpd's own tests (see test_own_tests.py).

Only what is under test is replaced: `aiosmtpd.tests` and `aiosmtpd.testing` stay those of the installed package.
"""

import importlib
import sys

REPLACED = ("smtp", "controller", "handlers", "lmtp", "proxy_protocol", "main")

package = importlib.import_module("aiosmtpd")
for name in REPLACED:
    module = importlib.import_module(f"heloise.aiosmtpd.{name}")
    sys.modules[f"aiosmtpd.{name}"] = module
    setattr(package, name, module)
