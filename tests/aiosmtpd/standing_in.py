"""A plugin for pytest that puts the adapter in the place of aiosmtpd, for aiosmtpd's own tests (see own_tests.py).

Only what is under test is replaced: `aiosmtpd.tests` and `aiosmtpd.testing` stay those of the installed package. Names
of aiosmtpd's insides that its tests import are there as None, so that the tests of other things can run.
"""

import importlib
import sys

REPLACED = ("smtp", "controller", "handlers", "lmtp", "proxy_protocol", "main")
INSIDES = {
    "controller": ("_FakeServer", "_server_to_client_ssl_ctx"),
    "smtp": ("TLSSetupException",),
}

package = importlib.import_module("aiosmtpd")
for name in REPLACED:
    module = importlib.import_module(f"heloise.aiosmtpd.{name}")
    sys.modules[f"aiosmtpd.{name}"] = module
    setattr(package, name, module)
    for inside in INSIDES.get(name, ()):
        if not hasattr(module, inside):
            setattr(module, inside, None)
