"""SASL mechanisms as dialogues of octets, without I/O. RFC 4422. One mechanism a file, both sides in it.

`mechanism` is the shape, `exchange` is what SMTP puts around it (RFC 4954 §4).
"""
