"""Bringing a content into the form that a next hop takes. RFC 6152 §3, RFC 3030 §3, RFC 2045, RFC 2046.

Reading order: lines, header, walk, encode, survey, rewrite, convert. Pure functions of octets, but for `convert`, which
reads. A content is read three times (survey, measure, send) and never kept: what is in memory is a line, the header of
one part (at most `walk.LARGEST_HEADER` octets), and a few words for each part that changes.
"""
