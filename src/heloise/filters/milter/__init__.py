"""Milters: the protocol of sendmail's and Postfix's mail filters, versions 2 to 6, from the side of the mail server.

Reading order: packets, negotiation, dialogue, macros, conversation, filter. There is no RFC of it; what is cited as
`libmilter` is the library and its headers (mfdef.h), as `Postfix MILTER_README` what the other server does.
"""
