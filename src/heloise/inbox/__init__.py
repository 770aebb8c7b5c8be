"""The caught mail: what `heloise dev` takes and sends nowhere.

To read in this order: `message`, `inbox`, `mailboxes`, `search`, `sessions`, `wanted` and `expecting`.
"""
