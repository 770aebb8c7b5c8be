"""Sessions that were, played again: what another configuration would have done."""
