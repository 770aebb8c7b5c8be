"""What replies, codes, commands and extensions mean, as values that pages and terminals show: `explanations` has codes,
statuses and causes, `story` one reply with all there is to say about it."""
