"""rspamd over HTTP: what it is asked, and what its answer means. docs.rspamd.com, Protocol."""
