"""Domains as the DNS knows them: U-labels become A-labels. RFC 5890 §2.3.2.1, RFC 5891 §5; UTS 46, non-transitional.

The standard library's `encodings.idna` does IDNA2003, which turns `straße` into `strasse`: another domain with another
owner, who would get the mail. What is missing here beside a whole library are the checks of a registry (bidirectional
and contextual rules): a name that breaks them was never registered, and the DNS says so.
"""

import re
import unicodedata

_DOTS = re.compile("[.\u3002\uff0e\uff61]")
_IGNORED = re.compile("[\u00ad\u200b\u2060\ufeff\ufe00-\ufe0f]")
_LONGEST_LABEL = 63


def to_ascii(domain: str) -> str:
    """`domain` in A-labels and lower case, without the dot of the root. Raises ValueError: it can not be a name."""
    if domain.isascii():
        return domain.removesuffix(".").lower()
    return ".".join(_a_label(label) for label in _DOTS.split(domain.removesuffix(".")))


def _a_label(label: str) -> str:
    # Letter by letter: a capital sigma at the end of a word is mapped like any other (UTS 46), str.lower knows better.
    small = "".join(letter.lower() for letter in unicodedata.normalize("NFKC", _IGNORED.sub("", label)))
    mapped = unicodedata.normalize("NFKC", small)
    made = mapped if mapped.isascii() else f"xn--{mapped.encode('punycode').decode('ascii')}"
    if not 0 < len(made) <= _LONGEST_LABEL:
        raise ValueError(f"not a label of a domain: {label!r}")
    return made
