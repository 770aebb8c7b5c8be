"""The mailboxes on this machine: Maildirs, and what may be asked of them. Reading: accounts, maildir, mailboxes."""
