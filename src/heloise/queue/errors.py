"""What can go wrong with a store. In both cases nothing was changed, and what was taken before is safe."""


class StoreFault(Exception):
    """The store can not be used, or not for this; the text says why."""


class StoreInUse(StoreFault):
    """Another process has it open."""


class StoreFull(StoreFault):
    """There is no room; the store goes on by itself when there is."""
