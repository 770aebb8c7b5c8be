"""The passport: one timeline for each message, from the session that brought it to the last reply about it.

It is history and not responsibility: it may be late by a second, lose its oldest entries when the disk can not keep up,
and be thrown away when it is damaged, and no mail is the worse for it. Reading order: entries (what is told), archive
(where it is kept), office (who writes it down meanwhile), timeline (what is read from it).
"""
